namespace Baton.Durable.Schedules;

/// <summary>Why a schedule's spec or a cron expression was refused, in words for the caller (INVALID_ARGUMENT).</summary>
internal sealed class ScheduleSpecException(string message) : Exception(message);
