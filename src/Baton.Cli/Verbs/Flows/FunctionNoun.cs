using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Flows.Functions;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton function list|show`: what flows may call as NAME:VERSION@default.</summary>
internal static class FunctionNoun
{
    public static Command Create() => new("function", "See the functions that flows may call as NAME:VERSION@default.") { List(), Show() };

    private static Command List()
    {
        var command = new Command("list", "List the functions.");
        command.SetAction(parsed =>
        {
            var console = OutputOptions.Console(parsed);
            if (console.IsJson)
            {
                console.JsonList(BuiltInFunctions.Catalogue.Descriptors.Select(d => new JsonObject { ["name"] = d.Name, ["version"] = d.Version, ["summary"] = d.Summary }));
                return;
            }
            console.Table(["FUNCTION", "WHAT IT DOES"], BuiltInFunctions.Catalogue.Descriptors.Select(d => new[] { $"{d.Key}@default", d.Summary }));
        });
        return command;
    }

    private static Command Show()
    {
        var name = new Argument<string>("NAME") { Description = "Function, with or without :VERSION@default." };
        var command = new Command("show", "Print what a function takes and gives, as JSON Schema.") { name };
        command.SetAction(parsed =>
        {
            var wanted = parsed.GetRequiredValue(name).Split('@')[0];
            var found = BuiltInFunctions.Catalogue.Descriptors.LastOrDefault(d => d.Key == wanted || d.Name == wanted)
                ?? throw new BatonException(ErrorCodes.NotFound, $"there is no function {wanted}", null, "`baton function list` shows them");
            OutputOptions.Console(parsed).Json(new JsonObject
            {
                ["name"] = found.Name,
                ["version"] = found.Version,
                ["summary"] = found.Summary,
                ["input"] = found.Input.ToJsonNode(),
                ["output"] = found.Output.ToJsonNode(),
            });
        });
        return command;
    }
}
