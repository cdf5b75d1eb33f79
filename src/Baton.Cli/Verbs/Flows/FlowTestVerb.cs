using System.CommandLine;
using System.Text.Json.Nodes;
using Baton.Cli.Output;
using Baton.Flows;
using Baton.Flows.Testing;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs.Flows;

/// <summary>`baton flow test PATH...`: runs flows against the fakes of their test files, with time skipped.</summary>
internal static class FlowTestVerb
{
    public static Command Create()
    {
        var paths = new Argument<string[]>("PATH") { Description = "Test files (NAME.test.yaml), or folders to look for them in.", Arity = ArgumentArity.OneOrMore };
        var command = new Command("test", "Run flows against fakes and check what they do; nothing is called for real.") { paths };
        command.SetAction(parsed => Test(OutputOptions.Console(parsed), parsed.GetRequiredValue(paths)));
        return command;
    }

    private static int Test(CliConsole console, string[] paths)
    {
        var files = paths.SelectMany(IEnumerable<string> (path) => Directory.Exists(path) ? Directory.EnumerateFiles(path, "*.test.yaml").Order(StringComparer.Ordinal) : [path]).ToList();
        if (files.Count == 0)
        {
            throw new BatonException(ErrorCodes.NotFound, "there is no test", $"no *.test.yaml in {string.Join(", ", paths)}", "write a test file beside the flow; docs/flows.md shows how");
        }
        var results = files.SelectMany(file => Run(file).Select(result => (File: file, Result: result))).ToList();
        if (console.IsJson)
        {
            console.JsonList(results.Select(r => new JsonObject
            {
                ["file"] = r.File,
                ["test"] = r.Result.Name,
                ["passed"] = r.Result.Passed,
                ["failures"] = new JsonArray([.. r.Result.Failures.Select(f => JsonValue.Create(f))]),
            }));
        }
        else
        {
            foreach (var (file, result) in results)
            {
                console.Line($"{(result.Passed ? "passed" : "FAILED")}  {file}: {result.Name}");
                foreach (var failure in result.Failures)
                {
                    console.Line($"        {failure}");
                }
            }
            console.Note($"{results.Count(r => r.Result.Passed)} passed, {results.Count(r => !r.Result.Passed)} failed");
        }
        return results.TrueForAll(r => r.Result.Passed) ? ExitCodes.Success : ExitCodes.Failure;
    }

    private static List<FlowTestResult> Run(string file)
    {
        try
        {
            return [.. FlowTest.Load(file).Run()];
        }
        catch (FlowFaultException exception)
        {
            throw new BatonException(ErrorCodes.InvalidInput, $"{file} cannot be run", exception.Error.Detail, "correct the test file or its flow", exception);
        }
    }
}
