using Baton.Durable.BuildIds;
using Baton.Durable.Deployments;
using Baton.Durable.Engine;
using Baton.Durable.Execution.Commands;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;
using Temporalio.Api.Query.V1;
using Temporalio.Api.Update.V1;
using Temporalio.Api.WorkflowService.V1;

namespace Baton.Durable.Execution.Transitions;

/// <summary>A worker is done with a workflow task.</summary>
/// <remarks>
/// 1. Commands and messages are checked; a bad one fails the task. 2. The completed event, then rejections, then commands in order are
/// applied. 3. What reaches out to other runs happens. 4. Events that came meanwhile are appended. 5. Another task is scheduled if there
/// is news, and given to this worker at once if it asked for that.
/// </remarks>
internal static class CompleteWorkflowTask
{
    public static void Apply(Step step, WorkflowRun run, RespondWorkflowTaskCompletedRequest request, Reply<RespondWorkflowTaskCompletedResponse> reply)
    {
        var task = run.S.WorkflowTask!;
        var batch = new CommandBatch(step, run, request);
        if (Refused(batch, out var refusal))
        {
            FailWorkflowTask.Apply(step, run, refusal.Cause, Failures.Server(refusal.Message, nonRetryable: !refusal.Terminates), request.Identity);
            if (refusal.Terminates)
            {
                CloseRun.Terminate(step, run, refusal.Message, "history-service");
            }

            reply.Fail(step, ServiceErrors.InvalidArgument(refusal.Message));
            return;
        }

        if (IsTraceless(batch, task))
        {
            Drop(batch, reply);
            return;
        }

        var updatesSent = run.Updates.All.Where(static update => update.Stage == UpdateStage.Sent).ToList();
        Complete(batch, task);
        foreach (var message in request.Messages.Where(message => !batch.UsedMessages.Contains(message.Id)))
        {
            ProtocolMessages.ApplyMessage(batch, message);
        }

        foreach (var command in request.Commands)
        {
            if (!run.IsRunning)
            {
                break;
            }

            CommandTable.Apply(batch, command);
        }

        foreach (var action in batch.Afterwards)
        {
            action();
        }

        RejectUnprocessed(step, run, updatesSent);
        AnswerQueries(step, run, request.QueryResults);
        reply.SetLater(step, Next(batch, task));
    }

    private static bool Refused(CommandBatch batch, out BadCommandException refusal)
    {
        var (run, request) = (batch.Run, batch.Request);
        try
        {
            foreach (var command in request.Commands)
            {
                CommandTable.Check(batch, command);
            }

            foreach (var message in request.Messages.Where(message => !batch.UsedMessages.Contains(message.Id)))
            {
                ProtocolMessages.CheckMessage(batch, message);
            }

            // A worker may not end a workflow over events that it has not seen.
            if (batch.IsClosing && run.S.Buffered.Count > 0)
            {
                throw new BadCommandException(WorkflowTaskFailedCause.UnhandledCommand, "");
            }

            if (batch.IsClosing && run.Updates.HasUnsent)
            {
                throw new BadCommandException(WorkflowTaskFailedCause.UnhandledUpdate, "");
            }

            if (run.NextEventId + request.Commands.Count > batch.Limits.HistoryEvents && !batch.IsClosing)
            {
                throw new BadCommandException(WorkflowTaskFailedCause.Unspecified, "Workflow history count exceeds limit.", terminates: true);
            }

            if (run.S.HistorySize > batch.Limits.HistorySize && !batch.IsClosing)
            {
                throw new BadCommandException(WorkflowTaskFailedCause.Unspecified, "Workflow history size exceeds limit.", terminates: true);
            }
        }
        catch (BadCommandException bad)
        {
            refusal = bad;
            return true;
        }

        refusal = null!;
        return false;
    }

    /// <summary>A speculative task in which the worker only rejected updates, or did nothing, leaves no event.</summary>
    private static bool IsTraceless(CommandBatch batch, WorkflowTaskState task) =>
        task.Kind == WorkflowTaskKind.Speculative
        && batch.Request.Commands.Count == 0
        && !batch.Request.ForceCreateNewWorkflowTask
        && batch.Request.Messages.All(static message => message.Body.Is(Rejection.Descriptor));

    private static void Drop(CommandBatch batch, Reply<RespondWorkflowTaskCompletedResponse> reply)
    {
        var (step, run, request) = (batch.Step, batch.Run, batch.Request);
        var sent = run.Updates.All.Where(static update => update.Stage == UpdateStage.Sent).ToList();
        foreach (var message in request.Messages)
        {
            ProtocolMessages.ApplyMessage(batch, message);
        }

        run.S.WorkflowTask = null;
        SetSticky(run, request);
        step.Touch(run);
        RejectUnprocessed(step, run, sent);
        AnswerQueries(step, run, request.QueryResults);
        if (run.Updates.HasUnsent)
        {
            ScheduleWorkflowTask.EnsureForUpdates(step, run);
        }

        DispatchQuery.AfterTask(step, run);

        // The worker saw events that do not exist: it goes back to the last task that does.
        reply.Set(step, new RespondWorkflowTaskCompletedResponse { ResetHistoryEventId = run.S.LastCompletedStartedId });
    }

    private static void Complete(CommandBatch batch, WorkflowTaskState task)
    {
        var (step, run, request) = (batch.Step, batch.Run, batch.Request);
        ScheduleWorkflowTask.Materialize(step, run, task);
        SetSticky(run, request);
        Versioning.Completed(step, run, request);
        BuildIdUses.Completed(step, run, request);
        batch.CompletedEventId = run.Append(step, new HistoryEvent
        {
            EventType = EventType.WorkflowTaskCompleted,
            WorkflowTaskCompletedEventAttributes = new WorkflowTaskCompletedEventAttributes
            {
                ScheduledEventId = task.ScheduledEventId,
                StartedEventId = task.StartedEventId,
                Identity = request.Identity,
                BinaryChecksum = request.BinaryChecksum,
                WorkerVersion = request.WorkerVersionStamp,
                SdkMetadata = request.SdkMetadata,
                MeteringMetadata = request.MeteringMetadata,
                VersioningBehavior = request.VersioningBehavior,
                WorkerDeploymentName = request.DeploymentOptions?.DeploymentName ?? "",
                WorkerDeploymentVersion = Versioning.VersionOf(request.DeploymentOptions) is { } version ? WorkerVersion.Of(version).ToOlderString() : "",
                DeploymentVersion = Versioning.VersionOf(request.DeploymentOptions),
            },
        }).EventId;
        run.S.WorkflowTask = null;
        run.S.LastCompletedStartedId = task.StartedEventId;
        if (FailWorkflowTask.IsReported(run))
        {
            step.Touch(run, visibility: true);
        }

        run.S.TaskProblem = null;
        run.S.FirstTaskCompleted = true;
        ResetPointsCodec.Add(step, run, request, batch.CompletedEventId);
    }

    private static void SetSticky(WorkflowRun run, RespondWorkflowTaskCompletedRequest request)
    {
        if (request.StickyAttributes is { WorkerTaskQueue.Name.Length: > 0 } sticky)
        {
            run.S.StickyQueue = sticky.WorkerTaskQueue.Name;
            run.S.StickyTimeout = Instant.From(sticky.ScheduleToStartTimeout);
        }
        else
        {
            run.S.StickyQueue = "";
        }
    }

    private static Func<RespondWorkflowTaskCompletedResponse> Next(CommandBatch batch, WorkflowTaskState done)
    {
        var (step, run, request) = (batch.Step, batch.Run, batch.Request);
        var response = new RespondWorkflowTaskCompletedResponse();
        Func<PollWorkflowTaskQueueResponse>? next = null;
        if (run.IsRunning)
        {
            var news = run.FlushBuffered(step);
            if (request.ForceCreateNewWorkflowTask)
            {
                // A heartbeat of local activities: the chain counts as one task from its first on.
                ScheduleWorkflowTask.Schedule(step, run, news ? 0 : done.OriginalScheduledTime);
                if (request.ReturnNewWorkflowTask && !run.IsPaused)
                {
                    next = StartWorkflowTask.Apply(step, run, request.Identity, request.WorkerInstanceKey);
                }
            }
            else if (news || batch.NeedsWorkflowTask)
            {
                ScheduleWorkflowTask.Ensure(step, run);
            }
            else if (run.Updates.HasUnsent)
            {
                ScheduleWorkflowTask.EnsureForUpdates(step, run);
            }

            DispatchQuery.AfterTask(step, run);
        }

        return () =>
        {
            response.WorkflowTask = next?.Invoke();
            response.ActivityTasks.AddRange(batch.EagerActivities.Select(static build => build()));
            return response;
        };
    }

    /// <summary>Updates that the worker was given and said nothing of: it does not know updates.</summary>
    private static void RejectUnprocessed(Step step, WorkflowRun run, List<PendingUpdate> sent)
    {
        foreach (var update in sent.Where(static update => update.Stage == UpdateStage.Sent))
        {
            if (run.Updates.Find(update.Id) == update)
            {
                run.Updates.Remove(update);
                update.Advance(step, UpdateStage.Completed, new Outcome
                {
                    Failure = Failures.Application(
                        "Workflow Update is rejected because it wasn't processed by worker. Probably, Workflow Update is not supported by the worker.",
                        "UnprocessedUpdate", nonRetryable: true),
                });
            }
        }
    }

    private static void AnswerQueries(Step step, WorkflowRun run, IDictionary<string, WorkflowQueryResult> results)
    {
        foreach (var (id, result) in results)
        {
            if (run.Queries.Take(id) is { } query)
            {
                DispatchQuery.Answer(step, run, query, result);
            }
        }
    }
}
