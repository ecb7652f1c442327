#include "mapped_file.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <utility>
#include <vector>

#include "error.hpp"

namespace neurolect {

MappedFile::MappedFile(const std::string& path) {
    const int file = open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) throw DataError(path + ": cannot be read: " + std::strerror(errno));
    struct stat facts {};
    if (fstat(file, &facts) != 0 || !S_ISREG(facts.st_mode)) {
        close(file);
        throw DataError(path + ": is not a file");
    }
    size_ = static_cast<size_t>(facts.st_size);
    if (size_ > 0) {
        void* mapped = mmap(nullptr, size_, PROT_READ, MAP_SHARED, file, 0);
        if (mapped == MAP_FAILED) {
            close(file);
            throw DataError(path + ": cannot be mapped: " + std::strerror(errno));
        }
        data_ = static_cast<const uint8_t*>(mapped);
    }
    close(file);
}

MappedFile::~MappedFile() {
    if (data_ != nullptr) munmap(const_cast<uint8_t*>(data_), size_);
}

FileMemory FileMemory::scratch(const std::string& folder, size_t size) {
    const std::string pattern = folder + "/.ngrams-XXXXXX";
    std::vector<char> path(pattern.c_str(), pattern.c_str() + pattern.size() + 1);
    const int file = mkstemp(path.data());
    if (file < 0) throw DataError(folder + ": cannot write a temporary file: " + std::strerror(errno));
    unlink(path.data());
    return {file, size, folder};
}

FileMemory FileMemory::create(const std::string& path, size_t size) {
    const int file = open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
    if (file < 0) throw DataError(path + ": cannot be written: " + std::strerror(errno));
    return {file, size, path};
}

FileMemory::FileMemory(int file, size_t size, const std::string& place) : size_(size) {
    int failure = 0;
    if (size > 0) {
        // Space is claimed at once, since a full disk would otherwise end the process at some later write.
        failure = posix_fallocate(file, 0, static_cast<off_t>(size));
        if (failure == 0) {
            void* mapped = mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
            if (mapped == MAP_FAILED) failure = errno;
            else data_ = static_cast<uint8_t*>(mapped);
        }
    }
    close(file);
    if (failure != 0) {
        throw DataError(place + ": no room for " + std::to_string(size) + " bytes: " + std::strerror(failure));
    }
}

FileMemory::~FileMemory() {
    if (data_ != nullptr) munmap(data_, size_);
}

FileMemory::FileMemory(FileMemory&& other) noexcept
    : data_(std::exchange(other.data_, nullptr)), size_(std::exchange(other.size_, 0)) {}

FileMemory& FileMemory::operator=(FileMemory&& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    return *this;
}

void FileMemory::release_pages() const {
    if (data_ != nullptr) madvise(data_, size_, MADV_DONTNEED);
}

}  // namespace neurolect
