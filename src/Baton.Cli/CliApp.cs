using System.CommandLine;
using System.CommandLine.Parsing;
using Baton.Cli.Output;
using Baton.Server.Errors;

namespace Baton.Cli;

/// <summary>Runs one command line: parse, act, and turn whatever goes wrong into a message and an exit code.</summary>
internal static class CliApp
{
    public static async Task<int> RunAsync(RootCommand root, IReadOnlyList<string> args)
    {
        OutputOptions.AddTo(root);
        // "@csv" is a value like any other, not a file of further arguments.
        var parsed = root.Parse(args.Count == 0 ? ["--help"] : args, new ParserConfiguration { ResponseFileTokenReplacer = null });
        var console = OutputOptions.Console(parsed);
        // Help and version run even where a required option is missing; anything else needs a clean parse.
        if (parsed.Errors.Count > 0 && parsed.Action is not { ClearsParseErrors: true })
        {
            return Report(console, UsageError(parsed));
        }
        try
        {
            return await parsed.InvokeAsync(new InvocationConfiguration
            {
                EnableDefaultExceptionHandler = false,
                // A server closes its store, and `up` its processes, before the process ends.
                ProcessTerminationTimeout = TimeSpan.FromSeconds(30),
            });
        }
        catch (BatonException exception)
        {
            return Report(console, exception);
        }
        catch (OperationCanceledException)
        {
            return Report(console, new(ErrorCodes.Interrupted, "interrupted", null, "run it again"));
        }
        catch (Exception exception)
        {
            return Report(console, new(
                ErrorCodes.Unexpected, exception.Message, exception.GetType().Name,
                "run it again with BATON_DEBUG=1 and report it", exception));
        }
    }

    private static BatonException UsageError(ParseResult parsed)
    {
        var problems = parsed.Errors.Select(error => error.Message).Distinct().ToList();
        return new(
            ErrorCodes.Usage,
            problems.Count == 1 ? problems[0].TrimEnd('.') : $"{problems.Count} problems in the command line",
            problems.Count == 1 ? null : string.Join('\n', problems),
            $"`{CommandPath(parsed.CommandResult)} --help` lists what it takes");
    }

    private static string CommandPath(CommandResult command) =>
        command.Parent is CommandResult parent ? $"{CommandPath(parent)} {command.Command.Name}" : "baton";

    private static int Report(CliConsole console, BatonException error)
    {
        console.Error(error);
        if (error.InnerException is not null && Environment.GetEnvironmentVariable("BATON_DEBUG") is "1")
        {
            console.Note(error.InnerException.ToString());
        }
        return ExitCodes.Of(error.Code);
    }
}
