using Baton.Jq;

namespace Baton.Flows.Functions;

/// <summary>
/// What a function of the catalogue is called, takes and gives. Called in a flow as <c>call: NAME:VERSION@default</c>.
/// </summary>
/// <param name="Name">Letters, digits and hyphens.</param>
/// <param name="Version">A semantic version. A change that breaks callers gets a new major version and its own descriptor.</param>
/// <param name="Summary">One sentence for <c>baton function list</c>.</param>
/// <param name="Input">JSON Schema of the arguments; checked when a flow is validated and again when it runs.</param>
/// <param name="Output">JSON Schema of the result.</param>
public sealed record FlowFunctionDescriptor(string Name, string Version, string Summary, JqValue Input, JqValue Output)
{
    /// <summary><c>name:version</c>.</summary>
    public string Key => $"{Name}:{Version}";
}

/// <summary>
/// A function that modules add to the language. It runs in an activity: it may do anything, its result is recorded, and
/// after a crash of the worker it may be called again with the same <see cref="FlowFunctionCall.IdempotencyKey"/>.
/// </summary>
public interface IFlowFunction
{
    FlowFunctionDescriptor Descriptor { get; }

    /// <param name="call">Arguments, checked against the schema, with secrets resolved.</param>
    /// <returns>The result, which should match the output schema; or that the answer comes later, see <see cref="FlowFunctionResult.Later"/>.</returns>
    /// <exception cref="FlowFaultException">To fault the task with a particular error; any other exception becomes a runtime error.</exception>
    Task<FlowFunctionResult> InvokeAsync(FlowFunctionCall call, CancellationToken cancellationToken);

    /// <summary>The run no longer waits for an answer that was to come later: it was cancelled, or its time was over. May be told twice.</summary>
    Task WithdrawAsync(string token, CancellationToken cancellationToken) => Task.CompletedTask;
}

/// <summary>What a function gives: a value, or the promise of one.</summary>
public readonly record struct FlowFunctionResult
{
    /// <summary>Null if the answer comes later.</summary>
    public JqValue Value { get; private init; }

    /// <summary>What the answer will carry; null if it is here.</summary>
    public string? Token { get; private init; }

    /// <summary>
    /// The run waits, for days if need be and without holding a worker, until the signal <see cref="Durable.FlowWorkflow.AnswerSignal"/>
    /// brings <c>{ token, value }</c> or <c>{ token, error: { type, status, title?, detail? } }</c> to the workflow of the call's run id. The
    /// answer may come before the promise is recorded, and more than once: the first counts.
    /// </summary>
    /// <param name="token">1 to 200 characters, never used for another call.</param>
    public static FlowFunctionResult Later(string token) => new() { Token = token };

    public static implicit operator FlowFunctionResult(JqValue value) => FromJqValue(value);

    public static FlowFunctionResult FromJqValue(JqValue value) => new() { Value = value };
}

/// <param name="Arguments">The evaluated arguments.</param>
/// <param name="IdempotencyKey">Stable across all attempts of this call.</param>
/// <param name="RunId">Id of the run that calls.</param>
/// <param name="Flow"><c>namespace/name:version</c> of the flow that calls.</param>
/// <param name="Task">JSON pointer of the task that calls.</param>
public sealed record FlowFunctionCall(JqValue Arguments, string IdempotencyKey, string RunId, string Flow, string Task)
{
    /// <summary>
    /// The same when this call is repeated because a worker was lost, but another when the flow itself calls again
    /// (<c>catch.retry</c>): what has had its answer can then be asked anew.
    /// </summary>
    public string CallId { get; init; } = IdempotencyKey;
}

/// <summary>The functions that flows may call as <c>NAME:VERSION@default</c>.</summary>
public sealed class FlowCatalogue
{
    private readonly Dictionary<string, IFlowFunction> _functions = [];

    public FlowCatalogue(IEnumerable<IFlowFunction> functions)
    {
        foreach (var function in functions)
        {
            if (!_functions.TryAdd(function.Descriptor.Key, function))
            {
                throw new ArgumentException($"Two functions are called {function.Descriptor.Key}.", nameof(functions));
            }
        }
    }

    public static FlowCatalogue Empty { get; } = new([]);

    /// <summary>All descriptors, by name and version.</summary>
    public IEnumerable<FlowFunctionDescriptor> Descriptors => _functions.Values.Select(f => f.Descriptor).OrderBy(d => d.Key, StringComparer.Ordinal);

    /// <summary>The function called <c>name:version</c>, or null.</summary>
    public IFlowFunction? Find(string key) => _functions.GetValueOrDefault(key);
}

/// <summary>How a function is named in <c>call</c>: <c>NAME:VERSION@CATALOG</c>.</summary>
internal readonly record struct FunctionReference(string Name, string Version, string Catalog)
{
    public string Key => $"{Name}:{Version}";

    public static bool IsUrl(string call) => call.Contains("://", StringComparison.Ordinal);

    public static FunctionReference? TryParse(string call)
    {
        var at = call.LastIndexOf('@');
        var colon = call.IndexOf(':', StringComparison.Ordinal);
        return !IsUrl(call) && colon > 0 && at > colon + 1 && at < call.Length - 1
            ? new FunctionReference(call[..colon], call[(colon + 1)..at], call[(at + 1)..])
            : null;
    }
}
