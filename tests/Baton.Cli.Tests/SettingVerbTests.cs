namespace Baton.Cli.Tests;

public sealed class SettingVerbTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("baton-settings-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public async Task Values_are_shown_with_their_sources_and_without_secrets()
    {
        var file = Path.Combine(folder, "settings.yaml");
        await File.WriteAllTextAsync(file, "Database: { Postgres: 'Host=db;Password=hunter2' }\nTraces: { Retention: 2d }\n");

        var result = await BatonProcess.RunAsync("config", "show", "--changed", "--settings", file, "--set", "Traces:MaxSpans=2000");

        Assert.Equal(0, result.ExitCode);
        Assert.DoesNotContain("hunter2", result.Out + result.Error, StringComparison.Ordinal);
        Assert.Matches($@"Database:Postgres\s+\*\*\*\s+{System.Text.RegularExpressions.Regex.Escape(file)}, line 1", result.Out);
        Assert.Matches(@"Traces:Retention\s+2d\s+\S+, line 2", result.Out);
        Assert.Matches(@"Traces:MaxSpans\s+2000\s+command line", result.Out);
        Assert.DoesNotContain("Http:Url", result.Out, StringComparison.Ordinal);
    }

    [Fact]
    public async Task All_problems_are_reported_and_nothing_is_started()
    {
        await File.WriteAllTextAsync(Path.Combine(folder, "baton.yaml"), "settings: { Otlp: { Sampling: 2 }, Http: { Url: 'https://0.0.0.0:1', TrustedProxies: [10.0.0.0/8, x] } }\n");

        var result = await BatonProcess.RunAsync("config", "check", "--project", folder);

        Assert.Equal(2, result.ExitCode);
        Assert.Contains("BT4001", result.Error, StringComparison.Ordinal);
        foreach (var key in new[] { "Otlp:Sampling", "Http:CertificatePath", "Http:TrustedProxies" })
        {
            Assert.Contains(key, result.Error, StringComparison.Ordinal);
        }
        Assert.False(Directory.Exists(Path.Combine(folder, ".baton")));
    }
}
