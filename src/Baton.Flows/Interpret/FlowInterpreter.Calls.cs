using Baton.Flows.Expressions;
using Baton.Flows.Functions;
using Baton.Flows.Model;
using Baton.Flows.Parse;
using Baton.Flows.Validate;
using Baton.Jq;

namespace Baton.Flows.Interpret;

/// <content>Calls and processes.</content>
internal sealed partial class FlowInterpreter
{
    /// <summary>Depth of subflows; a flow that starts itself ends here with an error instead of filling the server.</summary>
    private const int MaxDepth = 32;

    private readonly Dictionary<string, FlowTask> _external = [];

    private async Task<Step> CallTaskAsync(CallTask call, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        if (call.IsFunction)
        {
            return await CallFunctionAsync(call, state, locals, position, path, cancellationToken);
        }
        var request = await EvaluatedAsync(call.Pointer, () => Request(call, Scope(state.Input, locals, state)), cancellationToken);
        state.Authorization = request.Authentication.IsNull ? JqValue.Null : JqValue.FromObject([new("scheme", Scheme(request.Authentication["scheme"].GetString()))]);
        var timeout = call.CallTimeout is { } limit ? Evaluated(call.Pointer, () => limit.Evaluate(Scope(state.Input, locals, state))) : (TimeSpan?)null;
        if (call.Subscription is { } subscription)
        {
            return await SubscribeAsync(call, subscription, request, state, locals, position, path, cancellationToken);
        }
        return new Step(await CallAsync(request, call.Pointer, path, timeout, cancellationToken), FlowDirective.Continue);
    }

    private FlowCall Request(CallTask call, ExpressionScope scope)
    {
        var members = call.With.Evaluate(scope).EnumerateObject().ToDictionary(p => p.Key, p => p.Value);
        var authentication = Authentication(call.Authentication, scope);
        if (call.Endpoint is { } endpoint)
        {
            (members["uri"], authentication) = Endpoint(endpoint, scope);
        }
        if (call.Document is { } document)
        {
            var (uri, access) = Endpoint(document, scope);
            members["document"] = JqValue.FromObject([new("uri", uri), new("authentication", access)]);
        }
        return new FlowCall(call.Function, JqValue.FromObject(members)) { Authentication = authentication };
    }

    private static string Scheme(string scheme) => scheme switch
    {
        "basic" => "Basic",
        "digest" => "Digest",
        _ => "Bearer",
    };

    /// <summary>
    /// Messages are fetched in rounds, each of them one recorded call: the subscription of a protocol cannot live inside
    /// a workflow, and a round per message keeps 'while' and 'until' exact. The last call ends the subscription.
    /// </summary>
    private async Task<Step> SubscribeAsync(CallTask call, AsyncApiSubscription subscription, FlowCall request, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var consumed = position.Listen ??= new ListenState();
        if (subscription.For is { } window)
        {
            position.Until ??= _runtime.UtcNow + Evaluated(call.Pointer, () => window.Evaluate(Scope(state.Input, locals, state)));
        }
        while (!await EnoughAsync())
        {
            await SafePointAsync(locals, cancellationToken);
            var left = position.Until is { } end ? end - _runtime.UtcNow : (TimeSpan?)null;
            var round = await ReceiveAsync(new("seconds", left?.TotalSeconds is { } seconds ? JqValue.From(seconds) : JqValue.Null));
            consumed.Feed = round["feed"].GetString();
            var message = round["message"];
            if (round["over"].IsTruthy)
            {
                break;
            }
            if (message.IsNull || (subscription.Filter is { } filter && !await EvaluatedAsync(call.Pointer, () => filter.Evaluate(Scope(message, locals, state)).IsTruthy, cancellationToken)))
            {
                continue;
            }
            if (subscription.Foreach is { } iterator)
            {
                var step = await IterateAsync(iterator, message, consumed.Processed, state, locals, position, path, cancellationToken);
                if (step.Next.IsEnd)
                {
                    return step;
                }
                message = step.Output;
            }
            consumed.Outputs.Add(new ConsumedEvent(message));
            consumed.Processed++;
        }
        if (consumed.Feed is not null)
        {
            await ReceiveAsync(new("close", true));
        }
        return new Step(Messages(), FlowDirective.Continue);

        Task<JqValue> ReceiveAsync(KeyValuePair<string, JqValue> how) => CallAsync(
            request with { Arguments = With(request.Arguments, "receive", JqValue.FromObject([new("subscription", IdempotencyKey(path)), new("feed", consumed.Feed is { } feed ? feed : JqValue.Null), how])) },
            call.Pointer, $"{path}/message[{consumed.Processed}]", null, cancellationToken);

        JqValue Messages() => JqValue.FromArray(consumed.Outputs.Select(o => o.Value));

        async ValueTask<bool> EnoughAsync() =>
            (position.Until is { } end && _runtime.UtcNow >= end)
            || (subscription.Amount is { } amount && consumed.Processed >= amount)
            || (subscription.Until is { } until && await EvaluatedAsync(call.Pointer, () => until.Evaluate(Scope(Messages(), locals, state)).IsTruthy, cancellationToken))
            || (subscription.While is { } condition && consumed.Processed > 0 && !await EvaluatedAsync(call.Pointer, () => condition.Evaluate(Scope(Messages(), locals, state)).IsTruthy, cancellationToken));
    }

    private static JqValue With(JqValue value, string key, JqValue member) => JqValue.FromObject(value.EnumerateObject().Append(new(key, member)));

    private async Task<Step> CallFunctionAsync(CallTask call, TaskState state, Locals locals, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        var arguments = call.Source.Find("with") is null ? state.Input : await EvaluatedAsync(call.Pointer, () => call.With.Evaluate(Scope(state.Input, locals, state)), cancellationToken);
        if (!_flow.Use.Functions.TryGetValue(call.Function, out var function))
        {
            var reference = FunctionReference.TryParse(call.Function);
            if (reference is { Catalog: "default" } own && !_flow.Use.Catalogs.ContainsKey("default"))
            {
                return new Step(await CallCatalogueAsync(own, arguments, call, position, path, cancellationToken), FlowDirective.Continue);
            }
            function = await ExternalAsync(call, reference, locals, cancellationToken);
        }
        // A function sees its arguments only; what it exports is the flow's context all the same.
        var step = await RunTaskAsync(function, arguments, locals.IsAtomic ? locals : Locals.None, position.Child("function"), path + "/function", cancellationToken);
        position.Leave("function");
        return step with { Next = step.Next.IsEnd ? step.Next : FlowDirective.Continue };
    }

    private async Task<JqValue> CallCatalogueAsync(FunctionReference function, JqValue arguments, CallTask call, FlowPosition position, string path, CancellationToken cancellationToken)
    {
        if (function.Name != BuiltInFunctions.Activity)
        {
            if (position.Token is null)
            {
                var answer = await AskAsync(new FlowCall("function", JqValue.FromObject([new("function", function.Key), new("arguments", arguments)])), call.Pointer, path, null, cancellationToken);
                if (answer.Token is null)
                {
                    return answer.Value;
                }
                position.Token = answer.Token;
            }
            return await AwaitAsync(function, position.Token, call, path, cancellationToken);
        }
        // A worker in another language knows nothing of references.
        arguments = await LoadAsync(arguments, call.Pointer, cancellationToken);
        BuiltInFunctions.CheckActivity(function, arguments);
        _busy++;
        try
        {
            return Met(await _runtime.RunActivityAsync(arguments, IdempotencyKey(path), cancellationToken));
        }
        finally
        {
            _busy--;
        }
    }

    /// <summary>A function by URL or of a catalog: fetched once per run, and so pinned in its history.</summary>
    private async Task<FlowTask> ExternalAsync(CallTask call, FunctionReference? reference, Locals locals, CancellationToken cancellationToken)
    {
        if (_external.TryGetValue(call.Function, out var known))
        {
            return known;
        }
        FlowEndpoint endpoint;
        if (reference is { } named)
        {
            var catalog = _flow.Use.Catalogs.GetValueOrDefault(named.Catalog)
                ?? throw new FlowFaultException(FlowErrors.Configuration($"use.catalogs has no '{named.Catalog}'."));
            var root = Evaluated(call.Pointer, () => Endpoint(catalog, Scope(JqValue.Null, locals, null))).Uri.TrimEnd('/');
            endpoint = catalog with { Uri = new FlowTemplate.Literal(FunctionUrls.Raw($"{root}/functions/{named.Name}/{named.Version}/function.yaml")) };
        }
        else
        {
            endpoint = new FlowEndpoint(new FlowTemplate.Literal(FunctionUrls.Raw(call.Function)), null, call.Position);
        }
        var text = await FetchAsync(endpoint, JqValue.Null, locals, call.Pointer, cancellationToken);
        var problems = new DiagnosticBag();
        var function = FlowReader.ReadFunction(text, call.Pointer, problems);
        if (function is null || problems.HasErrors)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"The function '{call.Function}' is not valid: {string.Join("; ", problems.Sorted().Take(3))}"));
        }
        return _external[call.Function] = function;
    }

    private async Task<Step> RunProcessAsync(RunTask run, TaskState state, Locals locals, string path, CancellationToken cancellationToken)
    {
        var properties = await EvaluatedAsync(run.Pointer, () => run.Properties.Evaluate(Scope(state.Input, locals, state)), cancellationToken);
        if (run.Process == FlowProcess.Workflow)
        {
            var subflow = new SubflowCall(Text(properties["namespace"]) ?? _flow.Document.Namespace, Text(properties["name"])!, Text(properties["version"]) ?? "latest",
                null, properties.TryGetField("input", out var input) ? input : JqValue.FromObject([]), run.Await, IdempotencyKey(path), run.Pointer);
            var output = await RunSubflowAsync(subflow, cancellationToken);
            return new Step(run.Await && run.Return != FlowReturn.None ? output : run.Await ? JqValue.Null : state.Input, FlowDirective.Continue);
        }
        var kind = run.Process.ToString().ToLowerInvariant();
        if (run.ScriptSource is { } source)
        {
            properties = With(properties, "code", await FetchAsync(source, state.Input, locals, run.Pointer, cancellationToken));
        }
        if (!run.Await)
        {
            // A process that is not awaited must outlive this run: it becomes a run of its own that has this one task.
            await RunSubflowAsync(new SubflowCall(_flow.Document.Namespace, _flow.Document.Name, _flow.Document.Version, Detached(kind, properties), properties, false, IdempotencyKey(path), run.Pointer), cancellationToken);
            return new Step(state.Input, FlowDirective.Continue);
        }
        var result = await CallAsync(new FlowCall(kind, properties), run.Pointer, path, null, cancellationToken);
        if (run.Return is not (FlowReturn.Code or FlowReturn.All) && result["code"].GetDouble() != 0)
        {
            throw new FlowFaultException(FlowErrors.Runtime($"The {kind} ended with exit code {result["code"].ToJson()}: {Shorten(result["stderr"].GetString())}"));
        }
        return new Step(run.Return switch
        {
            FlowReturn.Stdout => result["stdout"],
            FlowReturn.Stderr => result["stderr"],
            FlowReturn.Code => result["code"],
            FlowReturn.All => result,
            _ => JqValue.Null,
        }, FlowDirective.Continue);
    }

    private async Task<JqValue> RunSubflowAsync(SubflowCall subflow, CancellationToken cancellationToken)
    {
        if (_run.Depth >= MaxDepth)
        {
            throw new FlowFaultException(FlowErrors.Configuration($"Subflows are {MaxDepth} deep, which is the limit; does a flow start itself?"));
        }
        _busy++;
        _pure = 0;
        try
        {
            return Met(await _runtime.RunFlowAsync(subflow, cancellationToken));
        }
        finally
        {
            _busy--;
        }
    }

    /// <summary>A flow that runs one process with the properties it gets as input. Values are not written into the definition: there they would be read as expressions.</summary>
    private string Detached(string kind, JqValue properties) => JqValue.FromObject(
    [
        new("document", JqValue.FromObject([new("dsl", _flow.Document.Dsl), new("namespace", _flow.Document.Namespace), new("name", _flow.Document.Name), new("version", _flow.Document.Version)])),
        new("use", JqValue.FromObject([new("secrets", JqValue.FromArray(_flow.Use.Secrets.Select(JqValue.From)))])),
        new("do", JqValue.FromArray([JqValue.FromObject([new("run", JqValue.FromObject([new("run", JqValue.FromObject([new(kind,
            JqValue.FromObject(properties.EnumerateObject().Select(p => KeyValuePair.Create(p.Key, p.Key == "language" ? p.Value : p.Value.Kind == JqKind.Object
                ? JqValue.FromObject(p.Value.EnumerateObject().Select(e => KeyValuePair.Create(e.Key, JqValue.From($"${{ .{p.Key}[{JqValue.From(e.Key).ToJson()}] }}"))))
                : JqValue.From($"${{ .{p.Key} }}")))))]))]))])])),
    ]).ToJson();

    private static string? Text(JqValue value) => value.TryGetString(out var text) ? text : null;

    private static string Shorten(string text) => text.Trim() is var trimmed && trimmed.Length <= 500 ? trimmed : trimmed[..500] + "…";
}
