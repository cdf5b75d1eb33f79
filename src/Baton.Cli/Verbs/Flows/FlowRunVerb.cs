using System.CommandLine;
using System.Text.Json.Nodes;
using System.Text.RegularExpressions;
using Baton.Cli.Api;
using Baton.Cli.Options;
using Baton.Cli.Output;
using Baton.Cli.Verbs.Runs;
using Baton.Durable;
using Baton.Flows;
using Baton.Flows.Hosting;
using Baton.Flows.Validate;
using Baton.Jq;
using Baton.Server.Errors;
using Temporalio.Client;

namespace Baton.Cli.Verbs.Flows;

/// <summary>
/// `baton flow run FILE|NAME`: runs a flow straight from disk, on a durable server in memory or the one that --server names;
/// or by its name, on the Baton server that has it.
/// </summary>
internal static partial class FlowRunVerb
{
    private static readonly string[] Processes = ["shell", "script", "container", "mcp"];

    public static Command Create(ApiOptions api)
    {
        var file = new Argument<string>("FILE|NAME") { Description = "Flow file, YAML or JSON, with its subflows beside it; or [NAMESPACE/]NAME of a flow that a server has." };
        var input = new Option<string?>("--input", "-i") { Description = "Input as JSON, or @FILE (JSON or YAML).", HelpName = "JSON" };
        var watch = new Option<bool>("--watch") { Description = "Show steps on stderr as they happen." };
        var server = new Option<string?>("--server") { Description = "Durable server to run a file on (default: one in memory, for this run).", HelpName = "HOST:PORT" };
        var secrets = Values.Pairs("--secret", "Secret of the flow, NAME=VALUE; a value may be JSON.");
        var allow = new Option<string[]>("--allow") { Description = $"What the flow may run: {string.Join(", ", Processes)}.", AllowMultipleArgumentsPerToken = true };
        allow.AcceptOnlyFromAmong(Processes);
        var command = new Command("run", "Run a flow and print its output; exits 0 only if it completes.") { file, input, watch, server, secrets, allow };
        command.Validators.Add(result =>
        {
            foreach (Option option in IsFile(result.GetValue(file)) ? [] : new Option[] { server, secrets, allow })
            {
                if (result.GetResult(option) is { Implicit: false })
                {
                    result.AddError($"{option.Name} is for flows in files; {result.GetValue(file)} is run by the Baton server that has it, with its own secrets and settings");
                }
            }
        });
        command.SetAction(async (parsed, cancel) => IsFile(parsed.GetRequiredValue(file)) ? await RunAsync(OutputOptions.Console(parsed), new Request(
            parsed.GetRequiredValue(file), ReadInput(parsed.GetValue(input)), parsed.GetValue(watch), parsed.GetValue(server),
            (parsed.GetValue(secrets) ?? []).ToDictionary(p => p.Key, p => Secret(p.Value)), parsed.GetValue(allow) ?? []), cancel)
            : await RunOnServerAsync(api, parsed, parsed.GetRequiredValue(file), ReadInput(parsed.GetValue(input)), parsed.GetValue(watch), cancel));
        return command;
    }

    private static bool IsFile(string? name) => File.Exists(name) || !FlowName().IsMatch(name ?? "");

    private static async Task<int> RunOnServerAsync(ApiOptions api, ParseResult parsed, string name, JqValue input, bool watch, CancellationToken cancel)
    {
        using var client = api.Connect(parsed);
        var call = new ApiCall(parsed, OutputOptions.Console(parsed), client, cancel);
        var started = await client.PostAsync($"flows/{FlowStoreVerbs.Path(name)}/runs", new JsonObject { ["input"] = input.ToJsonNode() }, cancel);
        var run = await RunView.WatchAsync(call, (string)started!["id"]!, watch);
        var error = run["error"] is { } fault ? FlowError.FromValue(JqValue.From(fault)) ?? FlowErrors.Runtime($"{fault["title"]}: {fault["detail"]}") : null;
        Print(call.Console, new FlowResult((string)run["status"]!, JqValue.From(run["output"]), error, (string)run["id"]!));
        return RunView.ExitCode(run);
    }

    private static async Task<int> RunAsync(CliConsole console, Request request, CancellationToken cancel)
    {
        var validation = FlowValidator.Validate(FlowNoun.ReadFile(request.File), FlowValidationOptions.Default with { Secrets = request.Secrets.Keys.ToHashSet() });
        foreach (var problem in validation.Problems)
        {
            console.Note($"{request.File}:{problem}");
        }
        if (validation.Definition is not { } flow)
        {
            var error = FlowErrors.Configuration($"The flow is not valid: {validation.Problems.First(p => p.Severity == FlowSeverity.Error)}") with { Instance = "/" };
            Print(console, new FlowResult("faulted", JqValue.Null, error, ""));
            return ExitCodes.Usage;
        }
        await using var embedded = request.Server is null ? await DurableServer.StartAsync(cancellationToken: cancel) : null;
        var client = await ConnectAsync(request.Server ?? embedded!.Address);
        var host = new FlowHost
        {
            Policy = FlowPolicy.Default with
            {
                AllowShell = request.Allow.Contains("shell"),
                AllowScript = request.Allow.Contains("script"),
                AllowContainer = request.Allow.Contains("container"),
                AllowMcpProcess = request.Allow.Contains("mcp"),
                FileRoot = Path.GetDirectoryName(Path.GetFullPath(request.File)),
            },
            Secrets = new GivenSecrets(request.Secrets),
            Definitions = new FolderDefinitions(Path.GetDirectoryName(Path.GetFullPath(request.File))!),
            Events = new LocalEventBus(client, cloudEvent => console.Note($"event {cloudEvent.ToJson()}")),
        };
        var result = await LocalFlows.RunAsync(client, flow, request.Input, host, request.Watch ? step => console.Note($"{step.Status,-10} {step.Task}{(step.Error is { } e ? $" ({e.Status} {e.Title})" : "")}") : null, cancel);
        Print(console, result);
        return result.Status == "completed" ? ExitCodes.Success : ExitCodes.NotCompleted;
    }

    private static async Task<TemporalClient> ConnectAsync(string address)
    {
        try
        {
            return await TemporalClient.ConnectAsync(new(address));
        }
        catch (InvalidOperationException exception)
        {
            throw RpcErrors.ConnectFailed(exception, address);
        }
    }

    private static void Print(CliConsole console, FlowResult result)
    {
        if (console.IsJson)
        {
            console.Json(new JsonObject
            {
                ["status"] = result.Status,
                ["output"] = result.Output.ToJsonNode(),
                ["error"] = result.Error?.ToValue().ToJsonNode(),
                ["runId"] = result.RunId.Length == 0 ? null : result.RunId,
            });
            return;
        }
        if (result.Status == "completed")
        {
            console.Json(result.Output.ToJsonNode());
            return;
        }
        console.Note(result.Error is { } error ? $"{result.Status}: {error.Status} {error.Title} at {error.Instance}\n  {error.Detail}\n  {error.Type}" : result.Status);
    }

    private static JqValue ReadInput(string? text)
    {
        if (text is null)
        {
            return JqValue.FromObject([]);
        }
        try
        {
            return text.StartsWith('@') ? FlowInputs.Read(FlowNoun.ReadFile(text[1..])) : JqValue.Parse(text);
        }
        catch (Exception exception) when (exception is JqJsonException or FlowFaultException)
        {
            throw new BatonException(ErrorCodes.InvalidInput, "--input is not valid", exception.Message, "give JSON, or @FILE with JSON or YAML", exception);
        }
    }

    private static JqValue Secret(string text)
    {
        try
        {
            return text.StartsWith('{') ? JqValue.Parse(text) : text;
        }
        catch (JqJsonException)
        {
            return text;
        }
    }

    [GeneratedRegex("^([A-Za-z0-9-]+/)?[A-Za-z0-9-]+$")]
    private static partial Regex FlowName();

    private sealed record Request(string File, JqValue Input, bool Watch, string? Server, IReadOnlyDictionary<string, JqValue> Secrets, string[] Allow);
}
