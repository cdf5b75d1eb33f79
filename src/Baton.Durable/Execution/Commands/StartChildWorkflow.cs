using Baton.Durable.BuildIds;
using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

internal static class StartChildWorkflow
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadStartChildExecutionAttributes;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.StartChildWorkflowExecutionCommandAttributes ?? throw new BadCommandException(Bad, "StartChildWorkflowExecutionCommandAttributes is not set on command.");
        var limit = batch.Limits.IdLength;
        CommandBatch.RequireId(a.WorkflowId, limit, Bad, "WorkflowId");
        CommandBatch.RequireId(a.WorkflowType?.Name ?? "", limit, Bad, "WorkflowType");
        if (Instant.From(a.WorkflowExecutionTimeout) < 0 || Instant.From(a.WorkflowRunTimeout) < 0 || Instant.From(a.WorkflowTaskTimeout) < 0)
        {
            throw new BadCommandException(Bad, $"A timeout of child workflow {a.WorkflowId} is negative.");
        }

        CommandBatch.RequireRetryPolicy(a.RetryPolicy, Bad);
        CronSchedules.Require(a.CronSchedule, problem => new BadCommandException(Bad, problem));
        batch.RequireSize(a.Input, Bad, "StartChildWorkflowExecutionCommandAttributes. Input");
        batch.RequireSize(a.Memo, Bad, "StartChildWorkflowExecutionCommandAttributes.Memo");
        SearchAttributeCodec.Require(a.SearchAttributes, batch.Run.Namespace, problem => new BadCommandException(Bad, problem));
        if (batch.Run.S.Children.Count + ++batch.NewChildren > batch.Limits.PendingChildren)
        {
            throw new BadCommandException(WorkflowTaskFailedCause.PendingChildWorkflowsLimitExceeded, $"the number of pending child workflow executions, {batch.Limits.PendingChildren}, has reached the per-workflow limit of {batch.Limits.PendingChildren}");
        }
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var a = command.StartChildWorkflowExecutionCommandAttributes;
        var run = batch.Run;
        var namespaceName = a.Namespace.Length > 0 ? a.Namespace : run.Namespace.Name;
        run.Core.Namespaces.TryGet(namespaceName, out var space);
        var policy = a.ParentClosePolicy == ParentClosePolicy.Unspecified ? ParentClosePolicy.Terminate : a.ParentClosePolicy;
        var attributes = new StartChildWorkflowExecutionInitiatedEventAttributes
        {
            Namespace = namespaceName,
            NamespaceId = space?.Id ?? "",
            WorkflowId = a.WorkflowId,
            WorkflowType = a.WorkflowType,
            TaskQueue = new() { Name = string.IsNullOrEmpty(a.TaskQueue?.Name) ? run.S.TaskQueue : a.TaskQueue.Name, Kind = TaskQueueKind.Normal },
            Input = a.Input,
            WorkflowExecutionTimeout = a.WorkflowExecutionTimeout ?? new(),
            WorkflowRunTimeout = a.WorkflowRunTimeout ?? new(),
            WorkflowTaskTimeout = a.WorkflowTaskTimeout ?? new(),
            ParentClosePolicy = policy,
            Control = a.Control,
            WorkflowTaskCompletedEventId = batch.CompletedEventId,
            WorkflowIdReusePolicy = a.WorkflowIdReusePolicy,
            RetryPolicy = a.RetryPolicy,
            CronSchedule = a.CronSchedule,
            Header = a.Header,
            Memo = a.Memo,
            SearchAttributes = a.SearchAttributes,
            Priority = a.Priority,
            VersioningOverride = a.VersioningOverride,
            InheritBuildId = a.InheritBuildId,
        };
        var initiated = batch.Append(command, new HistoryEvent { EventType = EventType.StartChildWorkflowExecutionInitiated, StartChildWorkflowExecutionInitiatedEventAttributes = attributes });
        run.S.Children.Add(initiated.EventId, new ChildState
        {
            InitiatedEventId = initiated.EventId,
            NamespaceName = namespaceName,
            NamespaceId = space?.Id ?? "",
            WorkflowId = a.WorkflowId,
            WorkflowType = a.WorkflowType.Name,
            ParentClosePolicy = (int)policy,
        });
        batch.Afterwards.Add(() => Start(batch, command, initiated, space));
    }

    private static void Start(CommandBatch batch, Command command, HistoryEvent initiated, NamespaceEntry? space)
    {
        var run = batch.Run;
        var a = initiated.StartChildWorkflowExecutionInitiatedEventAttributes;
        if (!run.IsRunning && a.ParentClosePolicy != ParentClosePolicy.Abandon)
        {
            return;
        }

        if (space is null)
        {
            Failed(batch, initiated, StartChildWorkflowExecutionFailedCause.NamespaceNotFound);
            return;
        }

        IdDecision decision;
        try
        {
            decision = WorkflowIds.Decide(batch.Step, space, a.WorkflowId, a.WorkflowIdReusePolicy, WorkflowIdConflictPolicy.Fail, "");
        }
        catch (ServiceException)
        {
            Failed(batch, initiated, StartChildWorkflowExecutionFailedCause.WorkflowAlreadyExists);
            return;
        }

        if (decision.Terminate is { } old)
        {
            CloseRun.Terminate(batch.Step, old, "TerminateIfRunning WorkflowIdReusePolicy Policy", "history-service");
        }

        var cron = CronSchedules.FirstBackoff(a.CronSchedule, run.TimeAt(batch.Step.Now));
        var runId = Step.NewRunId();
        var attributes = new WorkflowExecutionStartedEventAttributes
        {
            WorkflowType = a.WorkflowType,
            ParentWorkflowNamespace = run.Namespace.Name,
            ParentWorkflowNamespaceId = run.NamespaceId,
            ParentWorkflowExecution = run.Execution,
            ParentInitiatedEventId = initiated.EventId,
            RootWorkflowExecution = new WorkflowExecution { WorkflowId = run.S.RootWorkflowId, RunId = run.S.RootRunId },
            TaskQueue = a.TaskQueue,
            Input = a.Input,
            WorkflowExecutionTimeout = a.WorkflowExecutionTimeout,
            WorkflowRunTimeout = a.WorkflowRunTimeout,
            WorkflowTaskTimeout = a.WorkflowTaskTimeout,
            RetryPolicy = a.RetryPolicy is { } policy ? Retries.WithDefaults(policy) : null,
            CronSchedule = a.CronSchedule,
            FirstWorkflowTaskBackoff = Instant.ToDurationOrZero(cron),
            Initiator = cron > 0 ? ContinueAsNewInitiator.CronSchedule : ContinueAsNewInitiator.Unspecified,
            Header = a.Header,
            Memo = a.Memo,
            SearchAttributes = a.SearchAttributes,
            Priority = a.Priority ?? (run.S.Priority.IsEmpty ? null : Priority.Parser.ParseFrom(run.S.Priority)),
            Identity = batch.Request.Identity,
            VersioningOverride = a.VersioningOverride,
        };
        if (space.Id == run.NamespaceId)
        {
            BuildIdUses.Inherit(run, a.TaskQueue.Name, a.InheritBuildId, attributes);
        }

        TimeSkipping.ToChild(run, attributes);
        var child = StartRun.Apply(batch.Step, space, a.WorkflowId, runId, attributes, new StartExtras
        {
            RequestId = Guid.NewGuid().ToString("D"),
            ParentRunKey = run.RunKey,
            ParentClosePolicy = a.ParentClosePolicy,
            UserMetadata = command.UserMetadata,
            Versioning = Versioning.ForChild(batch.Step, run, space, attributes),
        });
        if (!run.IsRunning || !run.S.Children.TryGetValue(initiated.EventId, out var state))
        {
            return;
        }

        state.RunId = child.RunId;
        state.FirstRunId = child.RunId;
        var started = new HistoryEvent
        {
            EventType = EventType.ChildWorkflowExecutionStarted,
            ChildWorkflowExecutionStartedEventAttributes = new ChildWorkflowExecutionStartedEventAttributes
            {
                Namespace = a.Namespace,
                NamespaceId = a.NamespaceId,
                InitiatedEventId = initiated.EventId,
                WorkflowExecution = child.Execution,
                WorkflowType = a.WorkflowType,
                Header = a.Header,
            },
        };
        if (run.AppendOrBuffer(batch.Step, started))
        {
            state.StartedEventId = started.EventId;
        }

        batch.NeedsWorkflowTask = true;
    }

    private static void Failed(CommandBatch batch, HistoryEvent initiated, StartChildWorkflowExecutionFailedCause cause)
    {
        if (!batch.Run.IsRunning)
        {
            return;
        }

        var a = initiated.StartChildWorkflowExecutionInitiatedEventAttributes;
        batch.Run.S.Children.Remove(initiated.EventId);
        batch.Run.AppendOrBuffer(batch.Step, new HistoryEvent
        {
            EventType = EventType.StartChildWorkflowExecutionFailed,
            StartChildWorkflowExecutionFailedEventAttributes = new StartChildWorkflowExecutionFailedEventAttributes
            {
                Namespace = a.Namespace,
                NamespaceId = a.NamespaceId,
                WorkflowId = a.WorkflowId,
                WorkflowType = a.WorkflowType,
                Cause = cause,
                Control = a.Control,
                InitiatedEventId = initiated.EventId,
                WorkflowTaskCompletedEventId = batch.CompletedEventId,
            },
        });
        batch.NeedsWorkflowTask = true;
    }
}
