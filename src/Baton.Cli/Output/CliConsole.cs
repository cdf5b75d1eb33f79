using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Baton.Server.Errors;
using Spectre.Console;

namespace Baton.Cli.Output;

/// <summary>
/// Where a verb writes: data to stdout and everything else to stderr, so that `baton ... | jq` always works.
/// Colours, the spinner and fitting to the width are for terminals only.
/// </summary>
internal sealed class CliConsole(TextWriter stdout, TextWriter stderr, OutputFormat format)
{
    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
    };

    internal static readonly JsonSerializerOptions OneLine = new() { Encoder = Indented.Encoder };

    private readonly IAnsiConsole ansi = Create(stdout, System.Console.IsOutputRedirected);
    private readonly IAnsiConsole ansiError = Create(stderr, System.Console.IsErrorRedirected);

    public OutputFormat Format => format;

    /// <summary>Columns to draw in: the terminal's, or 120 where there is none.</summary>
    public int Width => System.Console.IsOutputRedirected ? 120 : ansi.Profile.Width;

    public bool IsJson => format != OutputFormat.Text;

    /// <summary>Plain data.</summary>
    public void Line(string text) => stdout.WriteLine(text);

    /// <summary>Data with Spectre markup; what comes from outside must be escaped by the caller.</summary>
    public void Markup(string markup) => ansi.MarkupLine(markup);

    /// <summary>One object: indented, or on a line of its own for jsonl.</summary>
    public void Json(JsonNode? node) =>
        stdout.WriteLine(node is null ? "null" : node.ToJsonString(format == OutputFormat.Jsonl ? OneLine : Indented));

    /// <summary>A list: one array, or for jsonl a line for each.</summary>
    public void JsonList(IEnumerable<JsonNode> nodes)
    {
        if (format != OutputFormat.Jsonl)
        {
            Json(new JsonArray([.. nodes]));
            return;
        }
        foreach (var node in nodes)
        {
            Json(node);
        }
    }

    /// <summary>Rows below their headings. Cells are plain text.</summary>
    public void Table(IReadOnlyList<string> headings, IEnumerable<IReadOnlyList<string>> rows)
    {
        var table = new Table().NoBorder();
        foreach (var heading in headings)
        {
            table.AddColumn(new TableColumn(new Text(heading, new Style(decoration: Decoration.Bold))).NoWrap());
        }
        foreach (var row in rows)
        {
            table.AddRow(row.Select(cell => new Text(cell)));
        }
        ansi.Write(table);
    }

    /// <summary>Names and values, one pair a line; pairs without a value are left out.</summary>
    public void Fields(params (string Name, string? Value)[] fields)
    {
        var width = fields.Max(field => field.Name.Length) + 2;
        foreach (var (name, value) in fields.Where(field => !string.IsNullOrEmpty(field.Value)))
        {
            ansi.MarkupLine($"[grey]{name.PadRight(width).EscapeMarkup()}[/]{value!.EscapeMarkup()}");
        }
    }

    /// <summary>Something for the person, not for a pipe.</summary>
    public void Note(string text) => stderr.WriteLine(text);

    /// <summary>Shows a spinner on stderr while <paramref name="act"/> runs, if that is a terminal.</summary>
    public Task<T> WaitAsync<T>(string what, Func<Task<T>> act) =>
        System.Console.IsErrorRedirected
            ? act()
            : ansiError.Status().Spinner(Spinner.Known.Dots).StartAsync(what.EscapeMarkup(), _ => act());

    public void Error(BatonException error)
    {
        if (IsJson)
        {
            stderr.WriteLine(new JsonObject
            {
                ["error"] = new JsonObject
                {
                    ["code"] = error.Code,
                    ["message"] = error.Message,
                    ["cause"] = error.Cause,
                    ["remedy"] = error.Remedy,
                },
            }.ToJsonString(OneLine));
            return;
        }
        ansiError.MarkupLine($"[red]error {error.Code}[/]: {error.Message.EscapeMarkup()}");
        if (error.Cause is { } cause)
        {
            ansiError.MarkupLine($"  [grey]cause[/]   {cause.ReplaceLineEndings("\n          ").EscapeMarkup()}");
        }
        ansiError.MarkupLine($"  [grey]remedy[/]  {error.Remedy.ReplaceLineEndings("\n          ").EscapeMarkup()}");
        ansiError.MarkupLine($"  [grey]more[/]    baton explain {error.Code}");
    }

    private static IAnsiConsole Create(TextWriter writer, bool redirected)
    {
        var console = AnsiConsole.Create(new AnsiConsoleSettings
        {
            Ansi = redirected ? AnsiSupport.No : AnsiSupport.Detect,
            Interactive = redirected ? InteractionSupport.No : InteractionSupport.Detect,
            Out = new AnsiConsoleOutput(writer),
        });
        if (redirected)
        {
            // Nothing is cut or folded to the width of a terminal that is not there.
            console.Profile.Width = 100_000;
        }
        return console;
    }
}
