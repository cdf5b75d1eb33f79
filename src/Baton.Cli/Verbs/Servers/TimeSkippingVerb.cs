using System.CommandLine;
using Baton.Cli.Output;
using Microsoft.Extensions.Logging;

namespace Baton.Cli.Verbs.Servers;

/// <summary>`baton server time-skipping PORT`: the test server of SDKs, in memory, whose time jumps to the next timer.</summary>
internal static class TimeSkippingVerb
{
    public const string Name = "time-skipping";

    public static Command Create()
    {
        var port = new Argument<ushort>("PORT") { Description = "TCP port on loopback; 0 for a free one." };
        var enabled = new Option<bool>("--enable-time-skipping") { Description = "Skip time from the start, rather than once a client unlocks it." };
        var command = new Command(Name, "Run a test server in memory that skips time; `baton PORT` does the same.") { port, enabled };
        // SDKs pass on arguments that users meant for the test server of another make.
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction(async (parsed, cancel) =>
        {
            var console = OutputOptions.Console(parsed);
            if (parsed.UnmatchedTokens.Count > 0)
            {
                console.Note($"without meaning here: {string.Join(' ', parsed.UnmatchedTokens)}");
            }
            using var loggers = ServerLogging.Create(LogLevel.Warning, LogFormat.Text);
            await ServerRun.UntilStoppedAsync(
                console,
                new() { Port = parsed.GetValue(port), TimeSkipping = true, TimeSkippingLocked = !parsed.GetValue(enabled), LoggerFactory = loggers },
                cancel);
        });
        return command;
    }
}
