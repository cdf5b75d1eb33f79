using System.CommandLine;

namespace Baton.Cli.Verbs.Servers;

/// <summary>`baton server ...`</summary>
internal static class ServerNoun
{
    public static Command Create() => new("server", "Run a durable execution server by itself.")
    {
        RunVerb.Create(),
        StartDevVerb.Create(),
        TimeSkippingVerb.Create(),
    };

    /// <summary>
    /// `baton PORT [ANYTHING]` is how SDKs start the executable of a time-skipping test server: it means
    /// `baton server time-skipping PORT [ANYTHING]`.
    /// </summary>
    public static IReadOnlyList<string> ExpandBareForm(IReadOnlyList<string> args) =>
        args.Count > 0 && args[0].Length is > 0 and < 6 && args[0].All(char.IsAsciiDigit)
            ? ["server", TimeSkippingVerb.Name, .. args]
            : args;
}
