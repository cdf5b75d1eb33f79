namespace Baton.Jq;

/// <summary>A string that was put together from others, and copied as late and as seldom as may be.</summary>
/// <remarks>
/// To append to a string again and again, as <c>reduce</c> does, must not copy it each time. A first append only notes the two
/// parts. One to its result copies them into a buffer with room, and every further one writes behind the text that it extends;
/// the texts before are windows on the same buffer that end sooner. A text is extended in place once, and by the evaluation that
/// made it, whose meter is the mark: any other append is a first one again. What is charged so never depends on what other
/// evaluations do with the same value.
/// </remarks>
internal sealed class JqText
{
    /// <summary>Shorter strings are simply copied.</summary>
    public const int MinLength = 256;

    private const int MaxLength = 1_000_000_000;

    private readonly Meter _owner;
    private readonly string _head = "";
    private readonly string _tail = "";
    private readonly char[]? _buffer;
    private bool _isExtended;
    private string? _whole;

    private JqText(Meter owner, string head, string tail)
    {
        _owner = owner;
        _head = head;
        _tail = tail;
        Length = head.Length + tail.Length;
    }

    private JqText(Meter owner, char[] buffer, int length)
    {
        _owner = owner;
        _buffer = buffer;
        Length = length;
    }

    public int Length { get; }

    /// <summary>The two strings in a row, as a string where that is short.</summary>
    public static JqValue Join(string head, string tail, Meter meter)
    {
        var length = Charge((long)head.Length + tail.Length, (long)head.Length + tail.Length, meter);
        return length < MinLength ? string.Concat(head, tail) : JqValue.From(new JqText(meter, head, tail));
    }

    public JqValue Append(string added, Meter meter)
    {
        if (_isExtended || meter != _owner)
        {
            return Join(ToString(), added, meter);
        }

        var length = Charge((long)Length + added.Length, _buffer is null ? (long)Length + added.Length : added.Length, meter);
        _isExtended = true;
        var buffer = _buffer;
        if (buffer is null || length > buffer.Length)
        {
            buffer = new char[length + (length / 2)];
            CopyTo(buffer);
        }

        added.CopyTo(0, buffer, Length, added.Length);
        return JqValue.From(new JqText(meter, buffer, length));
    }

    /// <summary>Whether reading it is charged to this evaluation, which put off copying it.</summary>
    public bool IsOwnedBy(Meter meter) => meter == _owner;

    public override string ToString() => _whole ??= _buffer is null ? string.Concat(_head, _tail) : new string(_buffer, 0, Length);

    private static int Charge(long length, long copied, Meter meter)
    {
        meter.ChargeText(length, copied);
        return length <= MaxLength ? (int)length : throw meter.OutOfOutput();
    }

    private void CopyTo(char[] buffer)
    {
        if (_buffer is not null)
        {
            _buffer.AsSpan(0, Length).CopyTo(buffer);
            return;
        }

        _head.CopyTo(buffer);
        _tail.CopyTo(buffer.AsSpan(_head.Length));
    }
}
