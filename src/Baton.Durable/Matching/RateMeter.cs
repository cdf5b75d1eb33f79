using Baton.Durable.Engine;

namespace Baton.Durable.Matching;

/// <summary>How often something happened in the last 30 seconds.</summary>
internal sealed class RateMeter
{
    private const int Window = 30;

    private readonly int[] counts = new int[Window];
    private long second;

    public void Add(long now)
    {
        Advance(now);
        counts[second % Window]++;
    }

    /// <summary>Per second.</summary>
    public float Rate(long now)
    {
        Advance(now);
        return counts.Sum() / (float)Window;
    }

    private void Advance(long now)
    {
        var current = now / Instant.Second;
        if (current - second >= Window)
        {
            Array.Clear(counts);
            second = current;
        }

        while (second < current)
        {
            counts[++second % Window] = 0;
        }
    }
}
