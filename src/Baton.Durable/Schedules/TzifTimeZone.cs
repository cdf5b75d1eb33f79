using System.Buffers.Binary;
using System.Text;

namespace Baton.Durable.Schedules;

/// <summary>A time zone from the bytes of a compiled zone file, as clients send it in <c>timezone_data</c>.</summary>
/// <remarks>
/// The format is TZif (RFC 8536): a header with six counts and a block of 32-bit data; from version 2 on, a second header
/// with the same in 64 bits, and a footer with the rule for the time after the last transition. A block holds, in this
/// order: transition times, the type of each, the types (offset, is-daylight, name), names, leap seconds, indicators.
/// </remarks>
internal sealed class TzifTimeZone : ScheduleTimeZone
{
    private const int HeaderBytes = 44;
    private const int MaxBytes = 64 * 1024;

    private readonly long[] transitions;
    private readonly int[] offsets; // one more than transitions: the first holds before all of them
    private readonly PosixTimeRule? rule;

    private TzifTimeZone(long[] transitions, int[] offsets, PosixTimeRule? rule)
    {
        this.transitions = transitions;
        this.offsets = offsets;
        this.rule = rule;
    }

    /// <exception cref="ScheduleSpecException">The bytes are no zone file.</exception>
    public static TzifTimeZone Parse(ReadOnlySpan<byte> data)
    {
        if (data.Length is < HeaderBytes or > MaxBytes || !data.StartsWith("TZif"u8))
        {
            throw new ScheduleSpecException("the data is no compiled time zone file (TZif)");
        }
        try
        {
            var first = new Header(data);
            if (first.Version < (byte)'2')
            {
                return Read(data[HeaderBytes..], first, timeBytes: 4, rule: null);
            }
            var second = data[(HeaderBytes + first.BlockBytes(4))..];
            var header = new Header(second);
            var block = second[HeaderBytes..];
            var footer = Encoding.ASCII.GetString(block[header.BlockBytes(8)..]).Trim('\n');
            return Read(block, header, timeBytes: 8, footer.Length == 0 ? null : PosixTimeRule.Parse(footer));
        }
        catch (Exception e) when (e is ArgumentException or IndexOutOfRangeException or FormatException or OverflowException)
        {
            throw new ScheduleSpecException("the data is a damaged time zone file (TZif)");
        }
    }

    public override int OffsetAt(long utc)
    {
        if (rule is not null && (transitions.Length == 0 || utc >= transitions[^1]))
        {
            return rule.OffsetAt(utc);
        }
        var index = Array.BinarySearch(transitions, utc);
        return offsets[index >= 0 ? index + 1 : ~index];
    }

    private static TzifTimeZone Read(ReadOnlySpan<byte> block, Header header, int timeBytes, PosixTimeRule? rule)
    {
        var types = block[(header.Times * (timeBytes + 1))..];
        var transitions = new long[header.Times];
        var offsets = new int[header.Times + 1];
        offsets[0] = header.Types == 0 ? 0 : Offset(types, 0);
        for (var i = 0; i < header.Times; i++)
        {
            var at = block[(i * timeBytes)..];
            transitions[i] = timeBytes == 8 ? BinaryPrimitives.ReadInt64BigEndian(at) : BinaryPrimitives.ReadInt32BigEndian(at);
            offsets[i + 1] = Offset(types, block[(header.Times * timeBytes) + i]);
        }
        return new(transitions, offsets, rule);

        static int Offset(ReadOnlySpan<byte> types, int index) => BinaryPrimitives.ReadInt32BigEndian(types[(index * 6)..]);
    }

    private readonly ref struct Header(ReadOnlySpan<byte> data)
    {
        private readonly ReadOnlySpan<byte> data = data;

        public byte Version => data[4];
        public int Times => Count(32);
        public int Types => Count(36);

        public int BlockBytes(int timeBytes) =>
            checked((Times * (timeBytes + 1)) + (Types * 6) + Count(40) + (Count(28) * (timeBytes + 4)) + Count(24) + Count(20));

        // No real zone has more than some hundred of anything.
        private int Count(int position) =>
            BinaryPrimitives.ReadUInt32BigEndian(data[position..]) is var count and <= MaxBytes ? (int)count : throw new FormatException();
    }
}
