using System.CommandLine;

namespace Baton.Cli.Output;

internal enum OutputFormat
{
    Text,
    Json,

    /// <summary>One JSON object a line, for lists and streams.</summary>
    Jsonl,
}

/// <summary>The options that every verb has: how data is printed.</summary>
internal static class OutputOptions
{
    private static readonly Option<bool> Json = new("--json")
    {
        Description = "Print data as JSON (the same as --output json).",
        Recursive = true,
    };

    private static readonly Option<OutputFormat> Format = new("--output", "-o")
    {
        Description = "How data is printed: text, json or jsonl (one object a line).",
        Recursive = true,
    };

    public static void AddTo(RootCommand root)
    {
        root.Options.Add(Json);
        root.Options.Add(Format);
    }

    public static CliConsole Console(ParseResult parsed) => new(
        System.Console.Out,
        System.Console.Error,
        parsed.GetValue(Json) ? OutputFormat.Json : parsed.GetResult(Format) is { Errors: var errors } && !errors.Any()
            ? parsed.GetValue(Format)
            : OutputFormat.Text);
}
