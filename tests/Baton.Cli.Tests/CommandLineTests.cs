using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Options;
using Baton.Server.Errors;
using Baton.Server.Settings;

namespace Baton.Cli.Tests;

public sealed class CommandLineTests : IDisposable
{
    private readonly string folder = Directory.CreateTempSubdirectory("baton-cli-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void Every_verb_and_option_says_what_it_is()
    {
        var silent = All(BatonCommand.Create()).SelectMany(command => command.Options.Cast<Symbol>().Concat(command.Arguments).Append(command))
            .Where(symbol => string.IsNullOrEmpty(symbol.Description))
            .Select(symbol => symbol.Name);
        Assert.Empty(silent);
    }

    [Fact]
    public void The_reference_has_every_verb()
    {
        var reference = File.ReadAllText(Path.Combine(RepositoryRoot(), "docs", "cli.md"));
        var missing = All(BatonCommand.Create()).Skip(1).Select(command => command.Name).Where(name => !reference.Contains(name, StringComparison.Ordinal));
        Assert.Empty(missing);
    }

    [Fact]
    public async Task No_server_is_an_error_with_cause_remedy_and_exit_code_3()
    {
        var result = (await BatonProcess.RunAsync("workflow", "list", "--address", "127.0.0.1:1", "--json")).Expect(ExitCodes.Unreachable);

        Assert.Empty(result.Out);
        var error = JsonNode.Parse(result.Error)!["error"]!;
        Assert.Equal(ErrorCodes.ServerUnreachable, (string?)error["code"]);
        Assert.Equal("Connection refused", (string?)error["cause"]);
    }

    [Fact]
    public async Task Problems_of_a_command_line_come_together()
    {
        var result = (await BatonProcess.RunAsync("workflow", "start", "--task-timeout", "soon", "--memo", "a=b", "--nonsense")).Expect(ExitCodes.Usage);

        Assert.Contains("--task-timeout takes a duration", result.Error, StringComparison.Ordinal);
        Assert.Contains("--memo takes JSON", result.Error, StringComparison.Ordinal);
        Assert.Contains("--nonsense", result.Error, StringComparison.Ordinal);
        Assert.Contains("'--type' is required", result.Error, StringComparison.Ordinal);
    }

    [Fact]
    public async Task Explain_prints_a_page_and_lists_all()
    {
        Assert.StartsWith("# BT1002: ", (await BatonProcess.RunAsync("explain", "bt1002")).Expect(0).Out, StringComparison.Ordinal);
        Assert.Equal(ErrorPages.Codes, (await BatonProcess.RunAsync("explain", "--json")).Expect(0).Json.AsArray().Select(page => (string)page!["code"]!));
        (await BatonProcess.RunAsync("explain", "BT0000")).Expect(ExitCodes.NotFound);
    }

    [Fact]
    public async Task Profiles_are_kept_and_used()
    {
        var file = Path.Combine(folder, "temporal.toml");
        string[] config = ["--config-file", file, "--profile", "prod \"1\""];
        (await BatonProcess.RunAsync(["config", "set", "--prop", "address", "--value", "127.0.0.1:1", .. config])).Expect(0);
        (await BatonProcess.RunAsync(["config", "set", "--prop", "grpc_meta.team", "--value", "a\\b", .. config])).Expect(0);

        Assert.Equal("127.0.0.1:1", (await BatonProcess.RunAsync(["config", "get", "--prop", "address", .. config])).Expect(0).Out.Trim());
        Assert.Equal("a\\b", (string?)(await BatonProcess.RunAsync(["config", "get", "--json", .. config])).Expect(0).Json["grpc_meta.team"]);
        Assert.Contains("no server answers at 127.0.0.1:1", (await BatonProcess.RunAsync(["workflow", "list", .. config])).Expect(3).Error, StringComparison.Ordinal);
        Assert.Equal(UnixFileMode.UserRead | UnixFileMode.UserWrite, File.GetUnixFileMode(file));

        (await BatonProcess.RunAsync(["config", "delete", "--prop", "address", .. config])).Expect(0);
        (await BatonProcess.RunAsync(["config", "get", "--prop", "address", .. config])).Expect(ExitCodes.NotFound);
        (await BatonProcess.RunAsync(["config", "delete-profile", .. config])).Expect(0);
        Assert.Empty((await BatonProcess.RunAsync("config", "list", "--config-file", file)).Expect(0).Out);
    }

    [Theory]
    [InlineData("90s", 90_000)]
    [InlineData("1h30m", 5_400_000)]
    [InlineData("2d", 172_800_000)]
    [InlineData("1.5s", 1_500)]
    [InlineData("250ms", 250)]
    [InlineData("0", 0)]
    public void Durations_are_read(string text, double milliseconds)
    {
        Assert.True(Durations.TryParse(text, out var duration));
        Assert.Equal(TimeSpan.FromMilliseconds(milliseconds), duration);
    }

    [Theory]
    [InlineData("")]
    [InlineData("5")]
    [InlineData("-1s")]
    [InlineData("1h 30m")]
    [InlineData("5 minutes")]
    [InlineData("999999999999d")]
    public void What_is_no_duration_is_refused(string text) => Assert.False(Durations.TryParse(text, out _));

    private static IEnumerable<Command> All(Command command) => command.Subcommands.SelectMany(All).Prepend(command);

    private static string RepositoryRoot()
    {
        var path = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(path, "Baton.slnx")))
        {
            path = Path.GetDirectoryName(path)!;
        }
        return path;
    }
}
