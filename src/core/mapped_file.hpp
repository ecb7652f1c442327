// Files as memory: read-only or scratch mappings that the operating system pages in and shares between processes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

namespace neurolect {

// A whole file, read-only.
class MappedFile {
public:
    explicit MappedFile(const std::string& path);
    ~MappedFile();
    MappedFile(const MappedFile&) = delete;
    MappedFile& operator=(const MappedFile&) = delete;

    const uint8_t* data() const { return data_; }
    size_t size() const { return size_; }

private:
    const uint8_t* data_ = nullptr;
    size_t size_ = 0;
};

// Zeroed memory of a fixed size in a file: as large as the disk.
class FileMemory {
public:
    FileMemory() = default;
    // An unnamed file in a folder, gone with the object.
    static FileMemory scratch(const std::string& folder, size_t size);
    // A new file, or what was there is replaced.
    static FileMemory create(const std::string& path, size_t size);
    ~FileMemory();
    FileMemory(FileMemory&& other) noexcept;
    FileMemory& operator=(FileMemory&& other) noexcept;

    uint8_t* data() { return data_; }
    const uint8_t* data() const { return data_; }
    size_t size() const { return size_; }
    // Hands the pages back to the system; the contents stay.
    void release_pages() const;

private:
    FileMemory(int file, size_t size, const std::string& place);

    uint8_t* data_ = nullptr;
    size_t size_ = 0;
};

}  // namespace neurolect
