using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;

namespace Baton.Cli.Output;

/// <summary>A failure and its causes, outermost first, one a line.</summary>
internal static class FailureText
{
    public static string Render(Failure? failure)
    {
        var lines = new List<string>();
        for (var current = failure; current is not null; current = current.Cause)
        {
            lines.Add(new string(' ', lines.Count * 2) + Line(current));
        }
        return string.Join('\n', lines);
    }

    /// <summary>The innermost cause: what really went wrong.</summary>
    public static string Root(Failure? failure)
    {
        while (failure?.Cause is not null)
        {
            failure = failure.Cause;
        }
        return failure is null ? "" : Line(failure);
    }

    private static string Line(Failure failure) => failure.FailureInfoCase switch
    {
        Failure.FailureInfoOneofCase.ApplicationFailureInfo when failure.ApplicationFailureInfo.Type.Length > 0 =>
            $"{failure.ApplicationFailureInfo.Type}: {failure.Message}{(failure.ApplicationFailureInfo.NonRetryable ? " (not retried)" : "")}",
        Failure.FailureInfoOneofCase.TimeoutFailureInfo =>
            $"{Format.Words(failure.TimeoutFailureInfo.TimeoutType)} timeout: {failure.Message}",
        Failure.FailureInfoOneofCase.ActivityFailureInfo =>
            $"activity {failure.ActivityFailureInfo.ActivityType?.Name} ({failure.ActivityFailureInfo.ActivityId}): {failure.Message}{Retry(failure.ActivityFailureInfo.RetryState)}",
        Failure.FailureInfoOneofCase.ChildWorkflowExecutionFailureInfo =>
            $"child workflow {failure.ChildWorkflowExecutionFailureInfo.WorkflowExecution?.WorkflowId}: {failure.Message}",
        _ => failure.Message,
    };

    private static string Retry(RetryState state) => state is RetryState.Unspecified ? "" : $" [{Format.Words(state)}]";
}
