using System.Text.Json;
using Temporalio.Common;
using Temporalio.Workflows;

namespace Baton.Flows.Durable;

/// <summary>
/// Asks people from a workflow in code. It is plain Temporal, and the same in every language:
/// <list type="number">
/// <item>the workflow runs the activity <c>baton.task.create</c> on the task queue <c>baton-tasks</c> with
/// <c>{ kind: "approval" | "task", arguments, signal?, requester? }</c>; the arguments are those of the flow function of that
/// name (<c>baton function show approval</c>), and the result is a token;</item>
/// <item>it waits for the signal <c>baton-task</c>, or the one that it named, with <c>{ token, value }</c>; the value is what the function gives;</item>
/// <item>if it stops waiting, it runs the activity <c>baton.task.withdraw</c> with the token.</item>
/// </list>
/// A signal may come before the token does, and more than once. Use one object per workflow, and hand it the signal:
/// <code>
/// private readonly HumanTasks people = new();
///
/// [WorkflowSignal(HumanTasks.Signal)]
/// public Task AnsweredAsync(HumanTaskAnswer answer) => people.AnsweredAsync(answer);
///
/// var answer = await people.AskAsync("approval", new { title = "Deploy 2.1?", candidates = new { users = new[] { "ann" } } });
/// </code>
/// </summary>
public sealed class HumanTasks
{
    public const string TaskQueue = "baton-tasks";
    public const string CreateActivity = "baton.task.create";
    public const string WithdrawActivity = "baton.task.withdraw";
    public const string Signal = "baton-task";

    private static readonly ActivityOptions Options = new()
    {
        TaskQueue = TaskQueue,
        // A worker that was lost is noticed by this alone; asking again is the same question.
        StartToCloseTimeout = TimeSpan.FromSeconds(10),
        RetryPolicy = new RetryPolicy { MaximumInterval = TimeSpan.FromSeconds(30) },
    };

    private readonly Dictionary<string, JsonElement> _answers = [];

    /// <summary>To be called by the workflow's handler of <see cref="Signal"/>.</summary>
    public Task AnsweredAsync(HumanTaskAnswer answer)
    {
        _answers.TryAdd(answer.Token, answer.Value);
        return Task.CompletedTask;
    }

    /// <summary>Asks, and waits for the answer, however long it takes.</summary>
    /// <param name="kind"><c>approval</c> or <c>task</c>.</param>
    /// <param name="arguments">What the function of that name takes, as any object that becomes this JSON.</param>
    /// <param name="requester">Who asks, for four eyes; default: whoever started the workflow through Baton.</param>
    /// <param name="cancellationToken">Stops waiting and withdraws the task. Default: the workflow's.</param>
    /// <exception cref="OperationCanceledException">Cancelled.</exception>
    /// <exception cref="Temporalio.Exceptions.ActivityFailureException">The question is not valid.</exception>
    public async Task<HumanTaskResult> AskAsync(string kind, object arguments, string? requester = null, CancellationToken? cancellationToken = null)
    {
        var cancel = cancellationToken ?? Workflow.CancellationToken;
        var token = await Workflow.ExecuteActivityAsync<string>(CreateActivity, [new { kind, arguments, signal = Signal, requester }], Cancelled(cancel));
        try
        {
            await Workflow.WaitConditionAsync(() => _answers.ContainsKey(token), cancel);
        }
        catch (OperationCanceledException)
        {
            using var never = new CancellationTokenSource();
            await Workflow.ExecuteActivityAsync(WithdrawActivity, [token], Cancelled(never.Token));
            throw;
        }
        return _answers[token].Deserialize<HumanTaskResult>(JsonSerializerOptions.Web)!;
    }

    private static ActivityOptions Cancelled(CancellationToken token)
    {
        var options = (ActivityOptions)Options.Clone();
        options.CancellationToken = token;
        return options;
    }
}

/// <summary>What the signal brings.</summary>
public sealed record HumanTaskAnswer(
    [property: System.Text.Json.Serialization.JsonPropertyName("token")] string Token,
    [property: System.Text.Json.Serialization.JsonPropertyName("value")] JsonElement Value);

/// <param name="Task">Id of the task.</param>
/// <param name="Outcome">approved, rejected, completed, cancelled, or what was said for the expiry.</param>
/// <param name="Data">What was filled in, if anything was.</param>
/// <param name="Decisions">Of an approval: who decided what, in their order.</param>
/// <param name="By">Of work: who completed it.</param>
public sealed record HumanTaskResult(string Task, string Outcome, JsonElement? Data, IReadOnlyList<HumanTaskDecision>? Decisions, string? By, string? Comment);

/// <param name="Decision">approve or reject.</param>
public sealed record HumanTaskDecision(string By, string Decision, DateTimeOffset At, string? Comment, JsonElement? Data);
