using Microsoft.Extensions.Logging;

namespace Baton.Durable.Schedules;

/// <summary>What schedules log.</summary>
internal static partial class ScheduleLog
{
    [LoggerMessage(EventIds.ScheduleActionRefused, LogLevel.Warning, "Schedule {ScheduleId} passes over an action: workflow {WorkflowId} cannot start: {Reason}")]
    public static partial void ActionRefused(ILogger logger, string scheduleId, string workflowId, string reason);

    [LoggerMessage(EventIds.ScheduleSpecUnusable, LogLevel.Error, "Schedule {ScheduleId} tells no times any more: {Reason}")]
    public static partial void SpecUnusable(ILogger logger, string scheduleId, string reason);
}
