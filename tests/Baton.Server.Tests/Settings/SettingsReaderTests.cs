using Baton.Server.Errors;
using Baton.Server.Settings;

namespace Baton.Server.Tests.Settings;

public sealed class SettingsReaderTests : IDisposable
{
    private readonly TemporaryFolder folder = new();

    public void Dispose() => folder.Dispose();

    [Fact]
    public void Later_sources_win_and_each_value_names_its_own()
    {
        folder.Write("a.yaml", """
            http: { url: "http://127.0.0.1:1" }
            Temporal: { Port: 1, Namespace: ops }
            """);
        var result = new SettingsReader()
            .AddFile(folder.File("a.yaml"))
            .AddVariables([new("BATON_TEMPORAL__PORT", "2"), new("BATON_HTTP__URL", "http://127.0.0.1:2"), new("BATON_TOKEN", "x")])
            .Add([new("Http:Url", "http://127.0.0.1:3")], "command line").Read();

        Assert.Empty(result.Problems);
        Assert.Equal(("http://127.0.0.1:3/", (ushort)2, "ops"), (result.Settings.Http.Url.ToString(), result.Settings.Temporal.Port, result.Settings.Temporal.Namespace));
        Assert.Equal("command line", Source("Http:Url"));
        Assert.Equal("variable BATON_TEMPORAL__PORT", Source("Temporal:Port"));
        Assert.Equal($"{folder.File("a.yaml")}, line 2", Source("Temporal:Namespace"));
        Assert.Equal("default", Source("Flows:CallTimeout"));

        string Source(string key) => result.Values.Single(value => value.Key == key).Source;
    }

    [Fact]
    public void All_problems_are_found_at_once_with_key_and_source()
    {
        var result = new SettingsReader().Add(
            [new("Temporal:Port", "70000"), new("Http:Prot", "1"), new("Flows:CallTimeout", "3w"), new("Http:MaxRequestBytes", "5"), new("Database:Url", "x")], "command line").Read();

        var error = Assert.Throws<BatonException>(() => result.Checked());

        Assert.Equal(ErrorCodes.InvalidSettings, error.Code);
        Assert.Equal(
            [
                "Http:MaxRequestBytes (command line): must be 1024 to 1073741824",
                "Temporal:Port (command line): must be 0 to 65535, not '70000'",
                "Flows:CallTimeout (command line): must be a duration such as 90s, 5m, 1h30m or 2d, not '3w'",
                "Http:Prot (command line): there is no such setting",
                "Database:Url (command line): there is no such setting; Http:Url is one",
            ],
            result.Problems);
    }

    [Fact]
    public void Secrets_are_not_shown()
    {
        var result = new SettingsReader().Add([new("Database:Postgres", "Host=db;Password=hunter2")], "command line").Read();

        Assert.Equal("***", result.Values.Single(value => value.Key == "Database:Postgres").Value);
        Assert.DoesNotContain(result.Values, value => value.Value?.Contains("hunter2", StringComparison.Ordinal) == true);
    }

    [Theory]
    [InlineData("90s", "1m30s")]
    [InlineData("2d", "2d")]
    [InlineData("1h30m", "1h30m")]
    [InlineData("250ms", "250ms")]
    [InlineData("1.5h", "1h30m")]
    [InlineData("0", "0")]
    public void Durations_are_read_and_written(string text, string written)
    {
        Assert.True(Durations.TryParse(text, out var duration));
        Assert.Equal(written, Durations.Format(duration));
    }
}
