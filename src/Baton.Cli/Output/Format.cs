using System.Globalization;
using Google.Protobuf.WellKnownTypes;
using Temporalio.Api.Enums.V1;

namespace Baton.Cli.Output;

/// <summary>How values read to a person.</summary>
internal static class Format
{
    public static string Time(Timestamp? time) =>
        time is null ? "" : time.ToDateTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);

    public static string Span(TimeSpan span) => span switch
    {
        _ when span < TimeSpan.Zero => "-" + Span(-span),
        { TotalSeconds: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalMilliseconds:0}ms"),
        { TotalMinutes: < 1 } => string.Create(CultureInfo.InvariantCulture, $"{span.TotalSeconds:0.00}s"),
        { TotalHours: < 1 } => $"{span.Minutes}m{(span.Seconds == 0 ? "" : $"{span.Seconds}s")}",
        { TotalDays: < 1 } => $"{span.Hours}h{(span.Minutes == 0 ? "" : $"{span.Minutes}m")}",
        _ => $"{(int)span.TotalDays}d{(span.Hours == 0 ? "" : $"{span.Hours}h")}",
    };

    public static string Span(Duration? duration) => duration is null ? "" : Span(duration.ToTimeSpan());

    /// <summary>`TimedOut` as `timed out`.</summary>
    public static string Words(System.Enum value) =>
        string.Concat(value.ToString().Select((letter, at) => char.IsUpper(letter)
            ? (at == 0 ? "" : " ") + char.ToLowerInvariant(letter)
            : letter.ToString()));

    public static string Colour(WorkflowExecutionStatus status) => status switch
    {
        WorkflowExecutionStatus.Running => "blue",
        WorkflowExecutionStatus.Completed => "green",
        WorkflowExecutionStatus.ContinuedAsNew => "grey",
        WorkflowExecutionStatus.Canceled or WorkflowExecutionStatus.Terminated => "yellow",
        _ => "red",
    };
}
