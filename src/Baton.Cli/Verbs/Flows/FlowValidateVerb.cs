using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Flows.Validate;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow validate FILE...`: all problems of each file at once.</summary>
internal static class FlowValidateVerb
{
    public static Command Create()
    {
        var files = new Argument<string[]>("FILE") { Description = "Flow files, YAML or JSON.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("validate", "Report every problem of flows, with line, column, cause and remedy.") { files };
        command.SetAction(parsed => Validate(OutputOptions.Console(parsed), parsed.GetRequiredValue(files)));
        return command;
    }

    private static int Validate(CliConsole console, string[] files)
    {
        var results = files.Select(file => (File: file, Validation: FlowValidator.Validate(FlowNoun.ReadFile(file)))).ToList();
        if (console.IsJson)
        {
            console.JsonList(results.Select(r => Entry(r.File, r.Validation)));
        }
        else
        {
            foreach (var (file, validation) in results)
            {
                foreach (var problem in validation.Problems)
                {
                    console.Line($"{file}:{problem}");
                }
                console.Note(validation.IsValid ? $"{file}: valid" : $"{file}: not valid");
            }
        }
        return results.TrueForAll(r => r.Validation.IsValid) ? ExitCodes.Success : ExitCodes.Failure;
    }

    private static JsonObject Entry(string file, FlowValidation validation) => new()
    {
        ["file"] = file,
        ["valid"] = validation.IsValid,
        ["problems"] = new JsonArray([.. validation.Problems.Select(p => new JsonObject
        {
            ["code"] = p.Code,
            ["severity"] = p.Severity == FlowSeverity.Error ? "error" : "warning",
            ["line"] = p.Line,
            ["column"] = p.Column,
            ["pointer"] = p.Pointer,
            ["cause"] = p.Cause,
            ["remedy"] = p.Remedy,
        })]),
    };
}
