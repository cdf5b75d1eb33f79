using System.Runtime.CompilerServices;

namespace Baton.Jq;

/// <summary>Counts what one evaluation consumes and ends it at its limits.</summary>
internal sealed class Meter(JqLimits limits)
{
    private long _stepsLeft = limits.MaxSteps;
    private long _outputLeft = limits.MaxOutputBytes;

    public JqLimits Limits { get; } = limits;

    /// <summary>Counts from the start again, for another input.</summary>
    public void Reset()
    {
        _stepsLeft = Limits.MaxSteps;
        _outputLeft = Limits.MaxOutputBytes;
    }

    public void Step()
    {
        if (--_stepsLeft < 0)
        {
            throw OutOfSteps();
        }
    }

    public void Charge(long steps)
    {
        _stepsLeft -= steps;
        if (_stepsLeft < 0)
        {
            throw OutOfSteps();
        }
    }

    /// <summary>For a string about to be built, so that doubling one over and over ends before memory does.</summary>
    public void ChargeText(long length) => ChargeText(length, length);

    /// <param name="copied">How much of it is copied now.</param>
    public void ChargeText(long length, long copied)
    {
        if (length > Limits.MaxOutputBytes)
        {
            throw OutOfOutput();
        }

        Charge(1 + (copied >> 6));
    }

    /// <summary>For a value about to be read as a string: what this evaluation has put off copying is copied now.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    public void Settle(in JqValue value)
    {
        if (value.Growing is { } text && text.IsOwnedBy(this))
        {
            Charge(text.Length >> 6);
        }
    }

    /// <summary>For elements about to be copied.</summary>
    public void ChargeCopy(long count) => Charge(1 + (count >> 3));

    public void ChargeOutput(in JqValue value)
    {
        if (Limits.MaxOutputBytes == long.MaxValue)
        {
            return;
        }

        _outputLeft -= JsonWriter.Measure(value, _outputLeft);
        if (_outputLeft < 0)
        {
            throw OutOfOutput();
        }
    }

    public void CheckDepth(int depth)
    {
        if (depth > Limits.MaxDepth)
        {
            throw new JqLimitException(nameof(JqLimits.MaxDepth), $"The jq program nests more than {Limits.MaxDepth} pending calls or alternatives.");
        }
    }

    public JqLimitException OutOfOutput() =>
        new(nameof(JqLimits.MaxOutputBytes), $"The jq program produces more than {Limits.MaxOutputBytes} bytes.");

    private JqLimitException OutOfSteps() =>
        new(nameof(JqLimits.MaxSteps), $"The jq program takes more than {Limits.MaxSteps} steps.");
}
