using Baton.Durable.Engine;

namespace Baton.Durable.Matching;

/// <summary>A token bucket that holds one second's worth of tasks, and at least one.</summary>
internal sealed class TaskRateLimiter
{
    private double tokens;
    private long filledAt;

    /// <summary>Tasks a second; null for no limit, 0 for none at all.</summary>
    public double? Rate { get; private set; }

    private double Burst => Math.Max(1, Rate ?? 0);

    public void Set(double? rate)
    {
        if (Rate != rate)
        {
            Rate = rate;
            tokens = Math.Min(tokens, Burst);
        }
    }

    /// <summary>Takes one token, or says when there will be one.</summary>
    public bool TryTake(long now, out long retryAt)
    {
        retryAt = 0;
        if (Rate is not { } rate)
        {
            return true;
        }

        if (rate <= 0)
        {
            retryAt = now + Instant.Second;
            return false;
        }

        tokens = filledAt == 0 ? Burst : Math.Min(Burst, tokens + ((now - filledAt) * rate / Instant.Second));
        filledAt = now;

        // Whole tokens within the rounding of ticks: a bucket asked at the instant that it named must not ask for one more tick.
        if (tokens >= 1 - 1e-6)
        {
            tokens = Math.Max(0, tokens - 1);
            return true;
        }

        retryAt = now + Math.Max(1, (long)Math.Ceiling((1 - tokens) * Instant.Second / rate));
        return false;
    }

    /// <summary>The task that a token was taken for was not given out.</summary>
    public void GiveBack() => tokens = Math.Min(Burst, tokens + 1);
}
