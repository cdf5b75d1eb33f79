using Baton.Durable.Engine;
using Baton.Durable.Execution.Transitions;
using Baton.Durable.Nexus;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Command.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.History.V1;

namespace Baton.Durable.Execution.Commands;

/// <summary>A Nexus operation is scheduled. Its timeouts are cut to the run's own, and to the time for the whole operation.</summary>
internal static class ScheduleNexusOperation
{
    private const WorkflowTaskFailedCause Bad = WorkflowTaskFailedCause.BadScheduleNexusOperationAttributes;
    private const int MaxHeader = 8192;

    public static void Check(CommandBatch batch, Command command)
    {
        var a = command.ScheduleNexusOperationCommandAttributes ?? throw new BadCommandException(Bad, "empty ScheduleNexusOperationCommandAttributes");
        if (Problem(batch.Run.Core, a) is { } problem)
        {
            throw new BadCommandException(Bad, problem);
        }

        batch.RequireSize(a.Input, Bad, "ScheduleNexusOperationCommandAttributes.Input");
        if (batch.Run.S.NexusOperations.Count + ++batch.NewNexusOperations > batch.Limits.PendingNexusOperations)
        {
            throw new BadCommandException(
                WorkflowTaskFailedCause.PendingNexusOperationsLimitExceeded,
                $"workflow has reached the pending nexus operation limit of {batch.Limits.PendingNexusOperations} for this namespace");
        }
    }

    /// <summary>What is wrong with an operation that shall be scheduled, its input's size apart; or null.</summary>
    public static string? Problem(EngineCore core, ScheduleNexusOperationCommandAttributes a)
    {
        var limit = core.Limits.IdLength;
        if (a.Endpoint != SystemNexus.Endpoint && !core.Endpoints.TryGetByName(a.Endpoint, out _))
        {
            return $"endpoint \"{a.Endpoint}\" not found";
        }

        if (a.Service.Length == 0 || a.Service.Length > limit)
        {
            return $"Service must have 1 to {limit} characters, it has {a.Service.Length}";
        }

        if (a.Operation.Length == 0 || a.Operation.Length > limit)
        {
            return $"Operation must have 1 to {limit} characters, it has {a.Operation.Length}";
        }

        if (IsNegative(a.ScheduleToCloseTimeout) || IsNegative(a.ScheduleToStartTimeout) || IsNegative(a.StartToCloseTimeout))
        {
            return "ScheduleToCloseTimeout, ScheduleToStartTimeout or StartToCloseTimeout is invalid: it is negative";
        }

        if (a.NexusHeader.Keys.FirstOrDefault(static key => key.Equals(NexusRequests.RequestTimeoutHeader, StringComparison.OrdinalIgnoreCase)) is { } reserved)
        {
            return $"NexusHeader contains a disallowed header key: \"{reserved}\"";
        }

        return a.NexusHeader.Sum(static header => header.Key.Length + header.Value.Length) > MaxHeader ? $"NexusHeader exceeds size limit of {MaxHeader}" : null;
    }

    /// <summary>The attributes of the scheduled event. Timeouts are cut to each other.</summary>
    /// <param name="runTimeout">Timeout of the run around it, 0 for none.</param>
    public static NexusOperationScheduledEventAttributes Scheduled(EngineCore core, ScheduleNexusOperationCommandAttributes a, long runTimeout)
    {
        core.Endpoints.TryGetByName(a.Endpoint, out var endpoint);
        var close = Cut(Instant.From(a.ScheduleToCloseTimeout), runTimeout, orLimit: true);
        var attributes = new NexusOperationScheduledEventAttributes
        {
            Endpoint = a.Endpoint,
            EndpointId = endpoint?.Id ?? "",
            Service = a.Service,
            Operation = a.Operation,
            Input = a.Input,
            ScheduleToCloseTimeout = Instant.ToDurationOrZero(close),
            ScheduleToStartTimeout = Instant.ToDuration(Cut(Instant.From(a.ScheduleToStartTimeout), close)),
            StartToCloseTimeout = Instant.ToDuration(Cut(Instant.From(a.StartToCloseTimeout), close)),
            RequestId = Guid.NewGuid().ToString("D"),
        };
        foreach (var (key, value) in a.NexusHeader)
        {
            attributes.NexusHeader[key.ToLowerInvariant()] = value;
        }

        return attributes;
    }

    public static void Apply(CommandBatch batch, Command command)
    {
        var run = batch.Run;
        var attributes = Scheduled(run.Core, command.ScheduleNexusOperationCommandAttributes, run.S.RunTimeout);
        attributes.WorkflowTaskCompletedEventId = batch.CompletedEventId;
        var scheduled = batch.Append(command, new HistoryEvent { EventType = EventType.NexusOperationScheduled, NexusOperationScheduledEventAttributes = attributes });
        var operation = AttemptNexusOperation.New(scheduled, batch.Step.Now);
        run.S.NexusOperations.Add(scheduled.EventId, operation);
        batch.Afterwards.Add(() =>
        {
            if (run.IsRunning && run.S.NexusOperations.ContainsKey(scheduled.EventId))
            {
                AttemptNexusOperation.Begin(batch.Step, run, operation);
            }
        });
    }

    private static long Cut(long timeout, long limit, bool orLimit = false) =>
        limit > 0 && (timeout > limit || (timeout == 0 && orLimit)) ? limit : timeout;

    private static bool IsNegative(Duration? timeout) => timeout is not null && (timeout.Seconds < 0 || timeout.Nanos < 0);
}
