using System.Collections.Immutable;
using System.Text.RegularExpressions;
using Baton.Flows.Functions;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Schemas;
using Baton.Jq;
using Cronos;

namespace Baton.Flows.Validate;

/// <summary>What the flow is checked against.</summary>
public sealed record FlowValidationOptions
{
    public static FlowValidationOptions Default { get; } = new();

    public SourceLimits Limits { get; init; } = SourceLimits.Default;

    public FlowCatalogue Catalogue { get; init; } = BuiltInFunctions.Catalogue;

    /// <summary>Names of the secrets that exist; null if unknown, and then none is reported as missing.</summary>
    public IReadOnlySet<string>? Secrets { get; init; }

    /// <summary>Which processes flows may run; null if unknown, and then none is reported as not allowed.</summary>
    public FlowPolicy? Policy { get; init; }
}

/// <param name="Definition">Null if there is an error.</param>
/// <param name="Problems">All problems in the order of the document.</param>
public sealed record FlowValidation(FlowDefinition? Definition, IReadOnlyList<FlowDiagnostic> Problems)
{
    public bool IsValid => Definition is not null;
}

/// <summary>
/// Reports every problem of a flow at once: what <see cref="FlowReader"/> finds in its structure and expressions, and
/// what only shows in the whole: targets of <c>then</c>, unreachable tasks, references, functions and their arguments,
/// secrets, schemas and schedules.
/// </summary>
public sealed partial class FlowValidator
{
    private readonly FlowDefinition _flow;
    private readonly FlowValidationOptions _options;
    private readonly DiagnosticBag _problems;

    private FlowValidator(FlowDefinition flow, FlowValidationOptions options, DiagnosticBag problems)
    {
        _flow = flow;
        _options = options;
        _problems = problems;
    }

    public static FlowValidation Validate(string text, FlowValidationOptions? options = null)
    {
        options ??= FlowValidationOptions.Default;
        var problems = new DiagnosticBag();
        var flow = FlowReader.Read(text, options.Limits, problems);
        if (flow is not null)
        {
            new FlowValidator(flow, options, problems).Check();
        }
        return new FlowValidation(problems.HasErrors ? null : flow, problems.Sorted());
    }

    private void Check()
    {
        CheckSchema(_flow.Input?.Schema, "/input/schema");
        CheckSchema(_flow.Output?.Schema, "/output/schema");
        CheckTimeout(_flow.Timeout, "/timeout");
        if (_flow.Schedule?.Cron is { } cron)
        {
            CheckCron(cron);
        }
        foreach (var authentication in _flow.Use.Authentications)
        {
            CheckAuthentication(authentication.Value, $"/use/authentications/{authentication.Key}");
        }
        foreach (var (name, function) in _flow.Use.Functions)
        {
            CheckTask(function, [name]);
        }
        foreach (var extension in _flow.Use.Extensions)
        {
            CheckList(extension.Before, []);
            CheckList(extension.After, []);
        }
        CheckList(_flow.Do, []);
        CheckSecrets();
    }

    private void CheckList(ImmutableArray<FlowTask> tasks, ImmutableArray<string> calling)
    {
        foreach (var task in tasks)
        {
            CheckTask(task, calling);
        }
        CheckFlow(tasks);
    }

    /// <summary>Follows every way through one list; directives of a list stay within it.</summary>
    private void CheckFlow(ImmutableArray<FlowTask> tasks)
    {
        var index = new Dictionary<string, int>();
        for (var i = 0; i < tasks.Length; i++)
        {
            index.TryAdd(tasks[i].Name, i);
        }
        var reached = new bool[tasks.Length];
        var open = new Stack<int>();
        if (tasks.Length > 0)
        {
            open.Push(0);
        }
        // Unknown targets are reported for every task, reached or not.
        foreach (var task in tasks)
        {
            foreach (var directive in Directives(task).Where(d => d.Target is { } target && !index.ContainsKey(target)))
            {
                _problems.Error(FlowCodes.UnknownThen, directive.Position, task.Pointer, $"'{directive.Text}' is no task of this list.",
                    $"Use continue, exit, end, or a task beside '{task.Name}'; a task of another list cannot be reached.{MapReader.Suggest(directive.Text, [.. index.Keys, "continue", "exit", "end"])}");
            }
        }
        while (open.TryPop(out var i))
        {
            if (i >= tasks.Length || reached[i])
            {
                continue;
            }
            reached[i] = true;
            var task = tasks[i];
            foreach (var directive in Directives(task))
            {
                if (directive.IsContinue)
                {
                    open.Push(i + 1);
                }
                else if (directive.Target is { } target && index.TryGetValue(target, out var next))
                {
                    open.Push(next);
                }
            }
            if (task.If is not null)
            {
                open.Push(i + 1);
            }
        }
        for (var i = 0; i < tasks.Length; i++)
        {
            if (!reached[i])
            {
                _problems.Warning(FlowCodes.Unreachable, tasks[i].Position, tasks[i].Pointer, $"The task '{tasks[i].Name}' can never run.", "Name it in a 'then' of a task that runs, or remove it.");
            }
        }
    }

    /// <summary>Where a task may lead.</summary>
    private static IEnumerable<FlowDirective> Directives(FlowTask task) => task switch
    {
        RaiseTask => [],
        SwitchTask choice => choice.Cases.Select(c => c.Then).Concat(choice.Cases.Any(c => c.When is null) ? [] : [task.Then]),
        TryTask { Catch.Then: { } then } => [task.Then, then],
        _ => [task.Then],
    };

    private void CheckTask(FlowTask task, ImmutableArray<string> calling)
    {
        CheckSchema(task.Input?.Schema, task.Pointer + "/input/schema");
        CheckSchema(task.Output?.Schema, task.Pointer + "/output/schema");
        CheckSchema(task.Export?.Schema, task.Pointer + "/export/schema");
        CheckTimeout(task.Timeout, task.Pointer + "/timeout");
        switch (task)
        {
            case CallTask call:
                CheckCall(call, calling);
                break;
            case DoTask composite:
                CheckList(composite.Tasks, calling);
                break;
            case ForTask loop:
                CheckList(loop.Tasks, calling);
                break;
            case ForkTask fork:
                foreach (var branch in fork.Branches)
                {
                    CheckTask(branch, calling);
                }
                break;
            case ListenTask { Foreach: { } iterator }:
                CheckIterator(iterator, calling);
                break;
            case RaiseTask { Reference: { } reference } when !_flow.Use.Errors.ContainsKey(reference):
                Unknown(task.Position, task.Pointer, $"The error '{reference}'", "use.errors", reference, _flow.Use.Errors.Keys);
                break;
            case RunTask run:
                CheckRun(run);
                break;
            case TryTask attempt:
                CheckList(attempt.Tasks, calling);
                CheckList(attempt.Catch.Do, calling);
                if (attempt.Catch.RetryReference is { } retry && !_flow.Use.Retries.ContainsKey(retry))
                {
                    Unknown(attempt.Catch.RetryPosition, task.Pointer + "/catch/retry", $"The retry policy '{retry}'", "use.retries", retry, _flow.Use.Retries.Keys);
                }
                break;
        }
    }

    private void CheckIterator(FlowIterator iterator, ImmutableArray<string> calling)
    {
        CheckList(iterator.Do, calling);
        CheckSchema(iterator.Output?.Schema, iterator.Pointer + "/output/schema");
        CheckSchema(iterator.Export?.Schema, iterator.Pointer + "/export/schema");
    }

    private void CheckCall(CallTask call, ImmutableArray<string> calling)
    {
        CheckAuthentication(call.Authentication, call.Pointer + "/with/authentication");
        CheckAuthentication(call.Endpoint?.Authentication, call.Pointer + "/with/endpoint/authentication");
        CheckAuthentication(call.Document?.Authentication, call.Pointer + "/with/document/endpoint/authentication");
        if (call.Subscription?.Foreach is { } iterator)
        {
            CheckIterator(iterator, calling);
        }
        if (call.Source.Find("with")?.Find("protocol") is { Kind: SourceKind.String } protocol && !Calls.AsyncApi.AsyncApiCalls.Protocols.Contains(protocol.Text))
        {
            _problems.Warning(FlowCodes.Unsupported, protocol.Position, call.Pointer + "/with/protocol", $"This runtime does not speak '{protocol.Text}'; the task would fault.",
                $"It speaks {string.Join(", ", Calls.AsyncApi.AsyncApiCalls.Protocols)}; reach others through an activity of your own (activity:1.0.0@default).");
        }
        if (!call.IsFunction)
        {
            return;
        }
        if (_flow.Use.Functions.TryGetValue(call.Function, out _))
        {
            CheckRecursion(call, [.. calling, call.Function]);
            return;
        }
        if (FunctionReference.IsUrl(call.Function))
        {
            return;
        }
        if (FunctionReference.TryParse(call.Function) is { } reference)
        {
            CheckCatalogued(call, reference);
            return;
        }
        _problems.Error(FlowCodes.UnknownFunction, call.Position, call.Pointer, $"The function '{call.Function}' is not defined.",
            $"Define it in use.functions, or call one of the catalogue as NAME:VERSION@default.{MapReader.Suggest(call.Function, [.. _flow.Use.Functions.Keys, "http", "openapi", "grpc", "asyncapi", "a2a", "mcp"])}");
    }

    private void CheckCatalogued(CallTask call, FunctionReference reference)
    {
        if (_flow.Use.Catalogs.ContainsKey(reference.Catalog))
        {
            return;
        }
        if (reference.Catalog != "default")
        {
            Unknown(call.Position, call.Pointer, $"The catalog '{reference.Catalog}'", "use.catalogs", reference.Catalog, [.. _flow.Use.Catalogs.Keys, "default"]);
            return;
        }
        if (_options.Catalogue.Find(reference.Key) is not { } function)
        {
            _problems.Error(FlowCodes.UnknownFunction, call.Position, call.Pointer, $"The catalogue has no function '{reference.Key}'.",
                $"'baton function list' shows those that exist.{MapReader.Suggest(reference.Key, [.. _options.Catalogue.Descriptors.Select(d => d.Key)])}");
            return;
        }
        // Arguments with expressions are known only at run time; then they are checked again.
        if (call.With.IsLiteral)
        {
            foreach (var problem in JsonSchema.Parse(function.Descriptor.Input).Validate(call.With.Evaluate(default)))
            {
                _problems.Error(FlowCodes.WrongArguments, call.Position, call.Pointer + "/with" + problem.Instance, $"In the arguments of '{reference.Key}', {problem}.", $"'baton function show {reference.Key}' prints what it takes.");
            }
        }
    }

    private void CheckRecursion(CallTask call, ImmutableArray<string> path)
    {
        if (path[..^1].Contains(path[^1]))
        {
            _problems.Error(FlowCodes.Recursion, call.Position, call.Pointer, $"The function '{path[^1]}' calls itself: {string.Join(" → ", path)}.", "Break the circle, or use a subflow (run: workflow), whose depth is bounded.");
            return;
        }
        foreach (var inner in Tasks(_flow.Use.Functions[path[^1]]).OfType<CallTask>().Where(c => _flow.Use.Functions.ContainsKey(c.Function)))
        {
            CheckRecursion(inner, [.. path, inner.Function]);
        }
    }

    private void CheckRun(RunTask run)
    {
        CheckAuthentication(run.ScriptSource?.Authentication, run.Pointer + "/run/script/source/endpoint/authentication");
        if (_options.Policy is { } policy && run.Process != FlowProcess.Workflow && !policy.Allows(run.Process))
        {
            var name = run.Process.ToString().ToLowerInvariant();
            _problems.Error(FlowCodes.NotAllowed, run.Position, run.Pointer, $"The settings do not allow flows to run a {name}.", $"Set Flows:Allow to include '{name}' if you trust all who may apply flows.");
        }
    }

    private void CheckAuthentication(FlowAuthentication? authentication, string pointer)
    {
        if (authentication?.Reference is { } reference && !_flow.Use.Authentications.ContainsKey(reference))
        {
            Unknown(authentication.Position, pointer, $"The authentication '{reference}'", "use.authentications", reference, _flow.Use.Authentications.Keys);
        }
        if (authentication?.Secret is { } secret && !_flow.Use.Secrets.Contains(secret))
        {
            Undeclared(secret, authentication.Position, pointer);
        }
    }

    private void CheckTimeout(FlowTimeout? timeout, string pointer)
    {
        if (timeout?.Reference is { } reference && !_flow.Use.Timeouts.ContainsKey(reference))
        {
            Unknown(timeout.Position, pointer, $"The timeout '{reference}'", "use.timeouts", reference, _flow.Use.Timeouts.Keys);
        }
    }

    private void CheckSchema(FlowSchema? schema, string pointer)
    {
        CheckAuthentication(schema?.Resource?.Authentication, pointer);
        if (schema?.Document is not { } document)
        {
            return;
        }
        try
        {
            JsonSchema.Parse(JqValue.Parse(document.ToUtf8Json()));
        }
        catch (JsonSchemaException error)
        {
            _problems.Error(FlowCodes.WrongSchema, document.Position, pointer + "/document", $"Not a valid JSON Schema: {error.Message}", "Correct the schema (draft 2020-12).");
        }
    }

    private void CheckCron(string cron)
    {
        if (!CronExpression.TryParse(cron, out _))
        {
            _problems.Error(FlowCodes.WrongCron, _flow.Source.Find("schedule")!.Find("cron")!.Position, "/schedule/cron", $"'{cron}' is not a cron expression.", "Use five fields, such as '*/15 8-18 * * MON-FRI'.");
        }
    }

    private void CheckSecrets()
    {
        if (_options.Secrets is { } known)
        {
            var list = _flow.Source.Find("use")?.Find("secrets");
            for (var i = 0; i < _flow.Use.Secrets.Length; i++)
            {
                if (!known.Contains(_flow.Use.Secrets[i]))
                {
                    _problems.Error(FlowCodes.MissingSecret, list!.Items[i].Position, $"/use/secrets/{i}", $"The secret '{_flow.Use.Secrets[i]}' does not exist here.", $"Create it with 'baton secret set {_flow.Use.Secrets[i]}'.");
                }
            }
        }
        FindSecretUses(_flow.Source, "");
    }

    private void FindSecretUses(SourceNode node, string pointer)
    {
        if (node.Kind == SourceKind.String)
        {
            foreach (var use in SecretUse().Matches(node.Text!).Select(m => m.Groups["name"].Value).Where(name => !_flow.Use.Secrets.Contains(name)))
            {
                Undeclared(use, node.Position, pointer);
            }
        }
        for (var i = 0; i < node.Items.Length; i++)
        {
            FindSecretUses(node.Items[i], $"{pointer}/{i}");
        }
        foreach (var entry in node.Entries)
        {
            FindSecretUses(entry.Value, $"{pointer}/{JsonPointer.Escape(entry.Key)}");
        }
    }

    private void Undeclared(string secret, SourcePosition at, string pointer) =>
        _problems.Error(FlowCodes.UndeclaredSecret, at, pointer, $"The secret '{secret}' is not listed in use.secrets.", "List it there, so that readers see what the flow needs.");

    private void Unknown(SourcePosition at, string pointer, string what, string where, string name, IEnumerable<string> known) =>
        _problems.Error(FlowCodes.UnknownReference, at, pointer, $"{what} is not defined in {where}.", $"Define it there.{MapReader.Suggest(name, [.. known])}");

    /// <summary>A task and all tasks inside it.</summary>
    internal static IEnumerable<FlowTask> Tasks(FlowTask task)
    {
        IEnumerable<FlowTask> inner = task switch
        {
            DoTask composite => composite.Tasks,
            ForTask loop => loop.Tasks,
            ForkTask fork => fork.Branches,
            ListenTask { Foreach: { } iterator } => iterator.Do,
            CallTask { Subscription.Foreach: { } iterator } => iterator.Do,
            TryTask attempt => attempt.Tasks.Concat(attempt.Catch.Do),
            _ => [],
        };
        return inner.SelectMany(Tasks).Prepend(task);
    }

    [GeneratedRegex(@"\$secrets(\.(?<name>[A-Za-z_][A-Za-z0-9_]*)|(\.?\[?\s*""(?<name>[^""\\]+)""))")]
    private static partial Regex SecretUse();
}
