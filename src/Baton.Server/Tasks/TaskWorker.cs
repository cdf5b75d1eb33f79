using System.Text.Json;
using Baton.Flows.Durable;
using Baton.Jq;
using Baton.Server.Errors;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Temporalio.Activities;
using Temporalio.Client;
using Temporalio.Exceptions;
using Temporalio.Worker;

namespace Baton.Server.Tasks;

/// <summary>The activities by which workflows in code ask people, in any language; see <see cref="HumanTasks"/> for how they are used.</summary>
internal sealed class TaskActivities(TaskStore store, TaskRequesters requesters)
{
    /// <summary>Opens a task, once for each activity that is scheduled.</summary>
    /// <returns>Its id: the token of the answer.</returns>
    [Activity(HumanTasks.CreateActivity)]
    public async Task<string> CreateAsync(JsonElement question)
    {
        var context = ActivityExecutionContext.Current;
        try
        {
            var asked = Question.Read(JqValue.From(question));
            var run = context.Info.WorkflowId ?? throw new BatonException(ErrorCodes.InvalidInput, "a task of this kind needs a workflow that asks", null, "run the activity from a workflow, or create the task over HTTP");
            var origin = new TaskOrigin($"{context.Info.WorkflowRunId}/{context.Info.ActivityId}", asked.Requester ?? await requesters.FindAsync(run, context.CancellationToken)) { Run = run, Signal = asked.Signal };
            return $"{(await store.CreateAsync(asked.Kind, asked.Arguments, origin, context.CancellationToken)).Id}";
        }
        catch (BatonException exception)
        {
            throw Final(exception);
        }
    }

    /// <summary>Closes a task whose answer nobody waits for any more.</summary>
    [Activity(HumanTasks.WithdrawActivity)]
    public async Task WithdrawAsync(string token)
    {
        try
        {
            await store.ChangeAsync(Guid.TryParse(token, out var id) ? id : default, step => step.Cancel(null, "the workflow no longer waits"), ActivityExecutionContext.Current.CancellationToken);
        }
        catch (BatonException exception)
        {
            throw Final(exception);
        }
    }

    private static ApplicationFailureException Final(BatonException exception) =>
        new(exception.Cause is { } cause ? $"{exception.Message}: {cause}" : exception.Message, errorType: exception.Code, nonRetryable: true);

    private sealed record Question(TaskKind Kind, JqValue Arguments, string Signal, string? Requester)
    {
        public static Question Read(JqValue question) => new(
            question.Kind == JqKind.Object && question["kind"].TryGetString(out var kind) && Enum.TryParse<TaskKind>(kind, ignoreCase: true, out var known) ? known
                : throw new BatonException(ErrorCodes.InvalidInput, "the question has no kind", null, "give { kind: \"approval\" or \"task\", arguments: {...} }"),
            question["arguments"],
            question["signal"].TryGetString(out var signal) ? signal : HumanTasks.Signal,
            question["requester"].TryGetString(out var requester) ? requester : null);
    }
}

/// <summary>Serves <see cref="TaskActivities"/> to workers' workflows, in each replica.</summary>
internal sealed partial class TaskWorker(ITemporalClient client, TaskActivities activities, TimeProvider time, ILogger<TaskWorker> log) : BackgroundService
{
    private static readonly TimeSpan Pause = TimeSpan.FromSeconds(2);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        while (!stoppingToken.IsCancellationRequested)
        {
            try
            {
                await client.Connection.ConnectAsync();
                using var worker = new TemporalWorker(client, new TemporalWorkerOptions(HumanTasks.TaskQueue).AddAllActivities(activities));
                await worker.ExecuteAsync(stoppingToken);
            }
            catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
            {
                return;
            }
            catch (Exception exception)
            {
                LogStopped(log, exception, Pause);
                await Task.Delay(Pause, time, stoppingToken).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            }
        }
    }

    [LoggerMessage(EventIds.TaskWorkerStopped, LogLevel.Warning, "The worker of tasks stopped; it starts again in {Pause}")]
    private static partial void LogStopped(ILogger log, Exception exception, TimeSpan pause);
}
