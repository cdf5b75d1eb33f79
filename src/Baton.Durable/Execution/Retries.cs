using Baton.Durable.Engine;
using Baton.Durable.Hosting;
using Baton.Durable.State;
using Temporalio.Api.Common.V1;
using Temporalio.Api.Enums.V1;
using Temporalio.Api.Failure.V1;

namespace Baton.Durable.Execution;

/// <summary>Retry policies: defaults, checks and the next interval. The same for activities and workflows.</summary>
internal static class Retries
{
    /// <summary>Initial interval 1 s, coefficient 2, maximum interval 100 times the initial, attempts without limit.</summary>
    public static RetryPolicy WithDefaults(RetryPolicy? policy)
    {
        var full = policy?.Clone() ?? new RetryPolicy();
        if (Instant.From(full.InitialInterval) == 0)
        {
            full.InitialInterval = Instant.ToDuration(Instant.Second);
        }

        if (full.BackoffCoefficient == 0)
        {
            full.BackoffCoefficient = 2;
        }

        if (Instant.From(full.MaximumInterval) == 0)
        {
            full.MaximumInterval = Instant.ToDuration(Math.Min(Instant.From(full.InitialInterval), Instant.Day * 365) * 100);
        }

        return full;
    }

    /// <summary>What is wrong with a policy, or null.</summary>
    public static string? Check(RetryPolicy? policy)
    {
        if (policy is null)
        {
            return null;
        }

        if (policy.MaximumAttempts == 1)
        {
            return null;
        }

        return policy switch
        {
            { InitialInterval: { Seconds: < 0 } or { Nanos: < 0 } } => "InitialInterval cannot be negative on retry policy.",
            { BackoffCoefficient: < 1 and not 0 } => "BackoffCoefficient cannot be less than 1 on retry policy.",
            { MaximumInterval: { Seconds: < 0 } or { Nanos: < 0 } } => "MaximumInterval cannot be negative on retry policy.",
            { MaximumAttempts: < 0 } => "MaximumAttempts cannot be negative on retry policy.",
            _ when Instant.From(policy.MaximumInterval) is > 0 and var max && max < Instant.From(policy.InitialInterval) =>
                "MaximumInterval cannot be less than InitialInterval on retry policy.",
            _ => null,
        };
    }

    public static void Require(RetryPolicy? policy)
    {
        if (Check(policy) is { } problem)
        {
            throw ServiceErrors.InvalidArgument(problem);
        }
    }

    public static RetryPolicyState ToState(RetryPolicy policy)
    {
        var state = new RetryPolicyState
        {
            InitialInterval = Instant.From(policy.InitialInterval),
            BackoffCoefficient = policy.BackoffCoefficient,
            MaximumInterval = Instant.From(policy.MaximumInterval),
            MaximumAttempts = policy.MaximumAttempts,
        };
        state.NonRetryableErrorTypes.AddRange(policy.NonRetryableErrorTypes);
        return state;
    }

    public static RetryPolicy ToApi(RetryPolicyState state)
    {
        var policy = new RetryPolicy
        {
            InitialInterval = Instant.ToDuration(state.InitialInterval),
            BackoffCoefficient = state.BackoffCoefficient,
            MaximumInterval = Instant.ToDuration(state.MaximumInterval),
            MaximumAttempts = state.MaximumAttempts,
        };
        policy.NonRetryableErrorTypes.AddRange(state.NonRetryableErrorTypes);
        return policy;
    }

    /// <summary>Whether a failure may be retried at all, whatever the policy's numbers say.</summary>
    public static bool IsRetryable(Failure failure, IEnumerable<string> nonRetryableTypes)
    {
        switch (failure.FailureInfoCase)
        {
            case Failure.FailureInfoOneofCase.TerminatedFailureInfo:
            case Failure.FailureInfoOneofCase.CanceledFailureInfo:
                return false;
            case Failure.FailureInfoOneofCase.TimeoutFailureInfo:
                var type = failure.TimeoutFailureInfo.TimeoutType;
                return type is TimeoutType.StartToClose or TimeoutType.Heartbeat
                    && !nonRetryableTypes.Contains("TemporalTimeout:" + type);
            case Failure.FailureInfoOneofCase.ServerFailureInfo:
                return !failure.ServerFailureInfo.NonRetryable;
            case Failure.FailureInfoOneofCase.ApplicationFailureInfo:
                return !failure.ApplicationFailureInfo.NonRetryable && !nonRetryableTypes.Contains(failure.ApplicationFailureInfo.Type);
            default:
                return true;
        }
    }

    /// <summary>
    /// When the next attempt may start after <paramref name="attempt"/> failed at <paramref name="now"/>, or why there is none.
    /// </summary>
    /// <param name="policy">Null: never retried.</param>
    /// <param name="deadline">No attempt may begin after it; 0 for none.</param>
    public static (long Interval, RetryState Reason) Next(RetryPolicyState? policy, int attempt, long now, long deadline, Failure failure)
    {
        if (policy is null)
        {
            return (-1, RetryState.RetryPolicyNotSet);
        }

        if (!IsRetryable(failure, policy.NonRetryableErrorTypes))
        {
            return (-1, RetryState.NonRetryableFailure);
        }

        if (policy.MaximumAttempts > 0 && attempt >= policy.MaximumAttempts)
        {
            return (-1, RetryState.MaximumAttemptsReached);
        }

        var interval = failure.ApplicationFailureInfo?.NextRetryDelay is { } asked ? Math.Max(0, Instant.From(asked)) : Interval(policy, attempt);
        return deadline > 0 && now + interval > deadline ? (-1, RetryState.Timeout) : (interval, RetryState.InProgress);
    }

    /// <summary>The pause after an attempt, by the policy alone.</summary>
    public static long Interval(RetryPolicyState policy, int attempt)
    {
        var limit = policy.MaximumInterval > 0 ? policy.MaximumInterval : Instant.Day * 3650;
        var interval = policy.InitialInterval * Math.Pow(policy.BackoffCoefficient, attempt - 1);
        return double.IsFinite(interval) && interval < limit ? (long)interval : limit;
    }
}
