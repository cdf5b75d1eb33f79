using Baton.Server.Settings;

namespace Baton.Server.Tests.Settings;

public sealed class SettingsReferenceTests
{
    [Fact]
    public void The_page_of_the_settings_says_what_the_program_has()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Baton.slnx")))
        {
            folder = Path.GetDirectoryName(folder)!;
        }

        Assert.True(
            File.ReadAllText(Path.Combine(folder, "docs", "settings.md")) == SettingsReference.Markdown(),
            "docs/settings.md is not up to date: ./baton config reference > docs/settings.md");
    }

    [Fact]
    public void Every_setting_says_what_it_means() => Assert.All(
        new SettingsReader().Read().Values,
        value => Assert.True(value.Description.Length > 10 && value.Description.EndsWith('.'), $"{value.Key}: {value.Description}"));
}
