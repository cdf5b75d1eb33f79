using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs;

/// <summary>`baton explain [CODE]`</summary>
internal static class ExplainVerb
{
    public static Command Create()
    {
        var code = new Argument<string?>("CODE")
        {
            Description = "The code of an error, such as BT1002; without it all codes are listed.",
            Arity = ArgumentArity.ZeroOrOne,
        };
        var command = new Command("explain", "Print what an error code means, its cause and its remedy.") { code };
        command.SetAction(parsed => Explain(OutputOptions.Console(parsed), parsed.GetValue(code)));
        return command;
    }

    private static void Explain(CliConsole console, string? code)
    {
        if (code is null)
        {
            List(console);
            return;
        }
        var page = ErrorPages.Find(code) ?? throw new BatonException(
            ErrorCodes.UnknownCode, $"there is no error code {code}", null, "`baton explain` lists all codes");
        if (console.IsJson)
        {
            console.Json(Entry(code.ToUpperInvariant(), page, whole: true));
            return;
        }
        console.Line(page.TrimEnd());
    }

    private static void List(CliConsole console)
    {
        var pages = ErrorPages.Codes.Select(code => (Code: code, Page: ErrorPages.Find(code)!));
        if (console.IsJson)
        {
            console.JsonList(pages.Select(entry => Entry(entry.Code, entry.Page, whole: false)));
            return;
        }
        console.Table(["CODE", "MEANING"], pages.Select(entry => new[] { entry.Code, ErrorPages.Title(entry.Page) }));
    }

    private static JsonObject Entry(string code, string page, bool whole)
    {
        var entry = new JsonObject { ["code"] = code, ["title"] = ErrorPages.Title(page) };
        if (whole)
        {
            entry["page"] = page;
        }
        return entry;
    }
}
