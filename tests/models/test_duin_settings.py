from neurolect.models.duin.settings import EncoderSettings


def test_settings_that_were_saved_as_lists_equal_those_they_were_saved_from():
    settings = EncoderSettings(patch_size=4, filters=(64, 16), kernels=(3, 3), strides=(2, 1))
    assert EncoderSettings(patch_size=4, filters=[64, 16], kernels=[3, 3], strides=[2, 1]) == settings
