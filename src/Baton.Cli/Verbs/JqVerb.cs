using System.CommandLine;
using Baton.Cli.Output;
using Baton.Jq;
using Baton.Server.Errors;

namespace Baton.Cli.Verbs;

/// <summary>`baton jq FILTER [FILE]`</summary>
internal static class JqVerb
{
    private static readonly Argument<string> Filter = new("FILTER") { Description = "A jq program, such as '.items[] | select(.ok)'." };

    private static readonly Argument<FileInfo?> InputFile = new("FILE")
    {
        Description = "JSON texts, one after another; without it they are read from stdin.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> NullInput = new("--null-input", "-n") { Description = "Run once, on null; `input` and `inputs` read the texts." };

    private static readonly Option<bool> Compact = new("--compact-output", "-c") { Description = "Print each output on one line." };

    private static readonly Option<bool> Raw = new("--raw-output", "-r") { Description = "Print strings without quotes." };

    private static readonly Option<bool> Slurp = new("--slurp", "-s") { Description = "Run once, on an array of all texts." };

    private static readonly Option<bool> Deterministic = new("--deterministic")
    {
        Description = "Refuse what a flow may not call: now, env, input, debug, ...",
    };

    private static readonly Option<string[]> Arg = new("--arg") { Description = "NAME VALUE: sets $NAME to a string." };

    private static readonly Option<string[]> ArgJson = new("--argjson") { Description = "NAME JSON: sets $NAME to a JSON value." };

    public static Command Create()
    {
        var command = new Command("jq", "Try a jq expression: the language of flows, without a server.")
        {
            Filter, InputFile, NullInput, Compact, Raw, Slurp, Deterministic, Arg, ArgJson,
        };
        command.SetAction(parsed => Run(parsed, OutputOptions.Console(parsed)));
        return command;
    }

    /// <summary>Joins `--arg NAME VALUE` to one token, since an option that may be repeated takes one value each time.</summary>
    public static IReadOnlyList<string> JoinPairs(IReadOnlyList<string> args)
    {
        if (args.Count == 0 || args[0] != "jq")
        {
            return args;
        }
        var joined = new List<string>();
        for (var i = 0; i < args.Count; i++)
        {
            if (args[i] is "--arg" or "--argjson" && i + 2 < args.Count)
            {
                joined.Add($"{args[i]}={args[i + 1]}={args[i + 2]}");
                i += 2;
            }
            else
            {
                joined.Add(args[i]);
            }
        }
        return joined;
    }

    private static int Run(ParseResult parsed, CliConsole console)
    {
        var variables = Variables(parsed);
        var program = Parse(parsed.GetValue(Filter)!, new JqOptions
        {
            Deterministic = parsed.GetValue(Deterministic),
            Variables = [.. variables.Keys],
        });
        var runner = new JqRunner(program, new JqRunOptions
        {
            NullInput = parsed.GetValue(NullInput),
            Slurp = parsed.GetValue(Slurp),
            Raw = parsed.GetValue(Raw),
            Indent = parsed.GetValue(Compact) || console.Format == OutputFormat.Jsonl ? 0 : 2,
            Variables = variables,
            Host = Host(console),
            OnError = error => console.Note($"jq: error: {error.Message}"),
        });
        using var output = System.Console.OpenStandardOutput();
        using var input = Open(parsed.GetValue(InputFile));
        try
        {
            return runner.Run(input, output) == 0 ? ExitCodes.Success : ExitCodes.Failure;
        }
        catch (JqJsonException e)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the input is not JSON", e.Message, "correct the text at that place");
        }
        catch (JqLimitException e)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "the filter needs more than it may", e.Message, "make it do less at once");
        }
        catch (JqHaltException halt)
        {
            if (halt.Value is { } value)
            {
                console.Note(value.TryGetString(out var text) ? text : value.ToJson());
            }
            return halt.ExitCode;
        }
    }

    private static JqProgram Parse(string filter, JqOptions options)
    {
        try
        {
            return JqProgram.Parse(filter, options);
        }
        catch (JqSyntaxException e)
        {
            throw new BatonException(
                ErrorCodes.InvalidInput,
                e.Problems.Length == 1 ? "the filter is no jq program" : $"{e.Problems.Length} problems in the filter",
                string.Join('\n', e.Problems),
                "docs/jq.md says what the language has here");
        }
    }

    private static Dictionary<string, JqValue> Variables(ParseResult parsed)
    {
        var variables = new Dictionary<string, JqValue>();
        foreach (var (name, value) in Pairs(parsed, Arg))
        {
            variables[name] = value;
        }
        foreach (var (name, json) in Pairs(parsed, ArgJson))
        {
            try
            {
                variables[name] = JqValue.Parse(json);
            }
            catch (JqJsonException e)
            {
                throw new BatonException(ErrorCodes.InvalidInput, $"the value of --argjson {name} is not JSON", e.Message, "quote it for the shell");
            }
        }
        return variables;
    }

    private static IEnumerable<(string Name, string Value)> Pairs(ParseResult parsed, Option<string[]> option) =>
        (parsed.GetValue(option) ?? []).Select(pair => pair.Split('=', 2) is [var name, var value]
            ? (name, value)
            : throw new BatonException(ErrorCodes.Usage, $"{option.Name} takes a name and a value", null, $"{option.Name} NAME VALUE"));

    private static JqHost Host(CliConsole console) => new()
    {
        Environment = JqValue.FromObject(Environment.GetEnvironmentVariables().Cast<System.Collections.DictionaryEntry>()
            .Select(entry => KeyValuePair.Create((string)entry.Key, JqValue.From((string?)entry.Value)))),
        Debug = value => console.Note($"[\"DEBUG:\",{value.ToJson()}]"),
        StandardError = value => System.Console.Error.Write(value.TryGetString(out var text) ? text : value.ToJson()),
    };

    private static Stream Open(FileInfo? file)
    {
        if (file is null)
        {
            return System.Console.OpenStandardInput();
        }
        try
        {
            return file.OpenRead();
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new BatonException(ErrorCodes.NotFound, $"{file} cannot be read", e.Message, "name a file that is there");
        }
    }
}
