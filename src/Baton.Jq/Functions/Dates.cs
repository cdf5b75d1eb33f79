using System.Globalization;
using System.Text;

namespace Baton.Jq;

/// <summary>Dates: seconds since 1970, and "broken down time" arrays [year, month 0-11, day, hour, minute, second, weekday, day of year].</summary>
internal static class Dates
{
    private const double MinSeconds = -62135596800;
    private const double MaxSeconds = 253402300799;

    public static JqValue FromSeconds(Machine m, JqValue value) =>
        value.IsNumber ? BreakDown(value.RawNumber, TimeSpan.Zero) : Errors.Raise("gmtime() requires numeric inputs");

    public static JqValue FromSecondsLocal(Machine m, JqValue value) =>
        value.IsNumber ? BreakDown(value.RawNumber, Offset(m, value.RawNumber)) : Errors.Raise("localtime() requires numeric inputs");

    public static JqValue ToSeconds(Machine m, JqValue value)
    {
        if (value.Ref is not JqArray parts)
        {
            return Errors.Raise("mktime requires array inputs");
        }

        return TryRead(parts, out var time) ? JqValue.From(time.Seconds) : Errors.Raise("mktime requires parsed datetime inputs");
    }

    public static JqValue Format(Machine m, JqValue value, JqValue format) => Format(m, value, format, "strftime/1", isLocal: false);

    public static JqValue FormatLocal(Machine m, JqValue value, JqValue format) => Format(m, value, format, "strflocaltime/1", isLocal: true);

    public static JqValue Parse(Machine m, JqValue value, JqValue format)
    {
        if (value.Ref is not string text || format.Ref is not string pattern)
        {
            return Errors.Raise("strptime/1 requires string inputs and arguments");
        }

        var parser = new DateParser(text);
        return parser.TryRun(pattern)
            ? parser.Time.ToValue()
            : Errors.Raise($"date \"{text}\" does not match format \"{pattern}\"");
    }

    private static JqValue BreakDown(double seconds, TimeSpan offset)
    {
        var local = seconds + offset.TotalSeconds;
        return local is >= MinSeconds and <= MaxSeconds
            ? BrokenDownTime.FromSeconds(local).ToValue()
            : Errors.Raise("error converting number of seconds since epoch to datetime");
    }

    private static TimeSpan Offset(Machine m, double seconds) =>
        m.Host.Clock.LocalTimeZone.GetUtcOffset(DateTimeOffset.UnixEpoch.AddSeconds(Math.Clamp(seconds, MinSeconds, MaxSeconds)));

    private static JqValue Format(Machine m, JqValue value, JqValue format, string name, bool isLocal)
    {
        var offset = TimeSpan.Zero;
        var zone = "UTC";
        if (value.IsNumber)
        {
            offset = isLocal ? Offset(m, value.RawNumber) : offset;
            value = BreakDown(value.RawNumber, offset);
            if (value.IsError)
            {
                return value;
            }
        }
        else if (value.Ref is not JqArray)
        {
            return Errors.Raise($"{name} requires parsed datetime inputs");
        }

        if (format.Ref is not string pattern)
        {
            return Errors.Raise($"{name} requires a string format");
        }

        if (!TryRead((JqArray)value.Ref!, out var time))
        {
            return Errors.Raise($"{name} requires parsed datetime inputs");
        }

        if (isLocal)
        {
            var local = m.Host.Clock.LocalTimeZone;
            offset = offset == TimeSpan.Zero ? local.GetUtcOffset(DateTimeOffset.UnixEpoch.AddSeconds(time.Seconds)) : offset;
            zone = local.Id is "Etc/UTC" or "UTC" ? "UTC" : local.StandardName;
        }

        return DateFormatter.Format(time, pattern, offset, zone);
    }

    /// <summary>Needs year, month and day; the rest is 0, and what overflows carries over, as in timegm.</summary>
    private static bool TryRead(JqArray parts, out BrokenDownTime time)
    {
        time = default;
        Span<double> values = stackalloc double[8];
        if (parts.Count < 3)
        {
            return false;
        }

        for (var i = 0; i < Math.Min(parts.Count, values.Length); i++)
        {
            if (!parts[i].IsNumber || double.IsNaN(parts[i].RawNumber))
            {
                return false;
            }

            values[i] = Math.Clamp(Math.Truncate(parts[i].RawNumber), -1e9, 1e9);
        }

        var months = (values[0] * 12) + values[1];
        var year = Math.Floor(months / 12);
        if (year is < 1 or > 9999)
        {
            return false;
        }

        var day = new DateTime((int)year, (int)(months - (year * 12)) + 1, 1).Subtract(DateTime.UnixEpoch).TotalDays + values[2] - 1;
        var seconds = (day * 86400) + (values[3] * 3600) + (values[4] * 60) + values[5];
        if (seconds is < MinSeconds or > MaxSeconds)
        {
            return false;
        }

        time = BrokenDownTime.FromSeconds(seconds);
        return true;
    }
}

/// <summary>A moment taken apart; the second keeps its fraction.</summary>
internal readonly record struct BrokenDownTime(DateTime Date, double Fraction)
{
    public double Seconds => (Date - DateTime.UnixEpoch).TotalSeconds;

    public static BrokenDownTime FromSeconds(double seconds)
    {
        var whole = Math.Floor(seconds);
        return new(DateTime.UnixEpoch.AddTicks((long)whole * TimeSpan.TicksPerSecond), seconds - whole);
    }

    public JqValue ToValue() => JqValue.From(JqArray.Of(
        Date.Year, Date.Month - 1, Date.Day, Date.Hour, Date.Minute, Date.Second + Fraction, (int)Date.DayOfWeek, Date.DayOfYear - 1));
}

/// <summary><c>strftime</c> in the C locale.</summary>
internal static class DateFormatter
{
    private static readonly DateTimeFormatInfo Names = CultureInfo.InvariantCulture.DateTimeFormat;

    public static string Format(BrokenDownTime time, string format, TimeSpan offset, string zone)
    {
        var result = new StringBuilder();
        for (var i = 0; i < format.Length; i++)
        {
            if (format[i] != '%' || i + 1 == format.Length)
            {
                result.Append(format[i]);
                continue;
            }

            // "E" and "O" ask for another representation, which the C locale does not have; "-", "_" and "0" change padding.
            var padding = '\0';
            while (i + 2 < format.Length && format[i + 1] is 'E' or 'O' or '-' or '_' or '0' or '^')
            {
                padding = format[++i];
            }

            result.Append(Pad(Field(time, format[++i], offset, zone), padding));
        }

        return result.ToString();
    }

    private static string Pad(string field, char padding) => padding switch
    {
        '-' => field.Length > 1 && char.IsAsciiDigit(field[^1]) ? field.TrimStart('0', ' ') is { Length: > 0 } rest ? rest : "0" : field,
        '_' => field.Length > 1 && field[0] == '0' ? ' ' + field[1..] : field,
        '0' => field.Replace(' ', '0'),
        '^' => field.ToUpperInvariant(),
        _ => field,
    };

    private static string Field(BrokenDownTime time, char field, TimeSpan offset, string zone)
    {
        var date = time.Date;
        var hour12 = date.Hour % 12 == 0 ? 12 : date.Hour % 12;
        var weekday = (int)date.DayOfWeek;
        return field switch
        {
            'A' => Names.GetDayName(date.DayOfWeek),
            'a' => Names.GetAbbreviatedDayName(date.DayOfWeek),
            'B' => Names.GetMonthName(date.Month),
            'b' or 'h' => Names.GetAbbreviatedMonthName(date.Month),
            'C' => (date.Year / 100).ToString("00"),
            'c' => Format(time, "%a %b %e %H:%M:%S %Y", offset, zone),
            'D' or 'x' => Format(time, "%m/%d/%y", offset, zone),
            'd' => date.Day.ToString("00"),
            'e' => date.Day.ToString().PadLeft(2),
            'F' => Format(time, "%Y-%m-%d", offset, zone),
            'G' => ISOWeek.GetYear(date).ToString(),
            'g' => (ISOWeek.GetYear(date) % 100).ToString("00"),
            'H' => date.Hour.ToString("00"),
            'I' => hour12.ToString("00"),
            'j' => date.DayOfYear.ToString("000"),
            'k' => date.Hour.ToString().PadLeft(2),
            'l' => hour12.ToString().PadLeft(2),
            'M' => date.Minute.ToString("00"),
            'm' => date.Month.ToString("00"),
            'n' => "\n",
            'P' => date.Hour < 12 ? "am" : "pm",
            'p' => date.Hour < 12 ? "AM" : "PM",
            'R' => Format(time, "%H:%M", offset, zone),
            'r' => Format(time, "%I:%M:%S %p", offset, zone),
            'S' => date.Second.ToString("00"),
            's' => ((long)(time.Seconds - offset.TotalSeconds)).ToString(),
            'T' or 'X' => Format(time, "%H:%M:%S", offset, zone),
            't' => "\t",
            'U' => ((date.DayOfYear + 6 - weekday) / 7).ToString("00"),
            'u' => (weekday == 0 ? 7 : weekday).ToString(),
            'V' => ISOWeek.GetWeekOfYear(date).ToString("00"),
            'W' => ((date.DayOfYear + 6 - ((weekday + 6) % 7)) / 7).ToString("00"),
            'w' => weekday.ToString(),
            'Y' => date.Year.ToString(),
            'y' => (date.Year % 100).ToString("00"),
            'Z' => zone,
            'z' => $"{(offset < TimeSpan.Zero ? '-' : '+')}{offset:hhmm}",
            '%' => "%",
            _ => "%" + field,
        };
    }
}

/// <summary><c>strptime</c> in the C locale: white space matches any, and all of the text must be used.</summary>
internal ref struct DateParser(string text)
{
    private static readonly DateTimeFormatInfo Names = CultureInfo.InvariantCulture.DateTimeFormat;

    private readonly ReadOnlySpan<char> _text = text;
    private int _at;
    private int _year = 1900;
    private int _month = 1;
    private int _day;
    private int _hour;
    private int _minute;
    private int _second;
    private int _dayOfYear;
    private int _century = -1;
    private bool _isPm;
    private bool _isTwelveHours;
    private double? _seconds;

    public BrokenDownTime Time { get; private set; }

    public bool TryRun(string format)
    {
        if (!TryFields(format) || _at != _text.Length)
        {
            return false;
        }

        if (_seconds is { } seconds)
        {
            Time = BrokenDownTime.FromSeconds(seconds);
            return true;
        }

        if (_isTwelveHours)
        {
            _hour = (_hour % 12) + (_isPm ? 12 : 0);
        }

        _year = _century >= 0 ? (_century * 100) + (_year % 100) : _year;
        if (_year is < 1 or > 9999)
        {
            return false;
        }

        // Days and seconds beyond their month or minute carry over; a day of the year alone gives the date.
        var start = _dayOfYear > 0 && _day == 0
            ? new DateTime(_year, 1, 1).AddDays(_dayOfYear - 1)
            : new DateTime(_year, _month, 1).AddDays((_day == 0 ? 1 : _day) - 1);
        Time = new(DateTime.SpecifyKind(start, DateTimeKind.Utc).AddSeconds((_hour * 3600) + (_minute * 60) + _second), 0);
        return true;
    }

    private bool TryFields(string format)
    {
        for (var i = 0; i < format.Length; i++)
        {
            var c = format[i];
            if (char.IsWhiteSpace(c))
            {
                SkipSpace();
            }
            else if (c != '%' || i + 1 == format.Length)
            {
                if (_at >= _text.Length || _text[_at] != c)
                {
                    return false;
                }

                _at++;
            }
            else
            {
                i++;
                if (format[i] is 'E' or 'O' && i + 1 < format.Length)
                {
                    i++;
                }

                if (!TryField(format[i]))
                {
                    return false;
                }
            }
        }

        return true;
    }

    private bool TryField(char field)
    {
        switch (field)
        {
            case 'Y':
                return TryNumber(4, 0, 9999, out _year);
            case 'C':
                return TryNumber(2, 0, 99, out _century);
            case 'y':
                var isYear = TryNumber(2, 0, 99, out _year);
                _year += _year < 69 ? 2000 : 1900;
                return isYear;
            case 'm':
                return TryNumber(2, 1, 12, out _month);
            case 'd' or 'e':
                return TryNumber(2, 1, 31, out _day);
            case 'H' or 'k':
                return TryNumber(2, 0, 23, out _hour);
            case 'I' or 'l':
                _isTwelveHours = true;
                return TryNumber(2, 1, 12, out _hour);
            case 'M':
                return TryNumber(2, 0, 59, out _minute);
            case 'S':
                return TryNumber(2, 0, 61, out _second);
            case 'j':
                return TryNumber(3, 1, 366, out _dayOfYear);
            case 'p' or 'P':
                _isPm = _at < _text.Length && _text[_at] is 'P' or 'p';
                return TryName(["AM", "PM"], out _);
            case 'A' or 'a':
                return TryName(Names.DayNames, out _) || TryName(Names.AbbreviatedDayNames, out _);
            case 'B' or 'b' or 'h':
                var isMonth = TryName(Names.MonthNames[..12], out var month) || TryName(Names.AbbreviatedMonthNames[..12], out month);
                _month = isMonth ? month + 1 : _month;
                return isMonth;
            case 'u' or 'w':
                return TryNumber(1, 0, 7, out _);
            case 'U' or 'W' or 'V':
                return TryNumber(2, 0, 53, out _);
            case 'G':
                return TryNumber(4, 0, 9999, out _);
            case 'g':
                return TryNumber(2, 0, 99, out _);
            case 's':
                return TrySeconds();
            case 'Z':
                return TryZoneName();
            case 'z':
                return TryZoneOffset();
            case 'T':
                return TryFields("%H:%M:%S");
            case 'R':
                return TryFields("%H:%M");
            case 'r':
                return TryFields("%I:%M:%S %p");
            case 'F':
                return TryFields("%Y-%m-%d");
            case 'D' or 'x':
                return TryFields("%m/%d/%y");
            case 'X':
                return TryFields("%H:%M:%S");
            case 'c':
                return TryFields("%a %b %e %H:%M:%S %Y");
            case 'n' or 't':
                SkipSpace();
                return true;
            case '%':
                return TryFields("%");
            default:
                return false;
        }
    }

    private void SkipSpace()
    {
        while (_at < _text.Length && char.IsWhiteSpace(_text[_at]))
        {
            _at++;
        }
    }

    private bool TryNumber(int digits, int min, int max, out int value)
    {
        SkipSpace();
        value = 0;
        var start = _at;
        while (_at < _text.Length && _at - start < digits && char.IsAsciiDigit(_text[_at]))
        {
            value = (value * 10) + (_text[_at++] - '0');
        }

        return _at > start && value >= min && value <= max;
    }

    private bool TrySeconds()
    {
        var start = _at;
        while (_at < _text.Length && (char.IsAsciiDigit(_text[_at]) || (_at == start && _text[_at] == '-')))
        {
            _at++;
        }

        var isNumber = long.TryParse(_text[start.._at], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var seconds);
        _seconds = seconds;
        return isNumber && Math.Abs(seconds) < 60_000_000_000;
    }

    private bool TryName(string[] names, out int index)
    {
        for (index = 0; index < names.Length; index++)
        {
            if (_text[_at..].StartsWith(names[index], StringComparison.OrdinalIgnoreCase))
            {
                _at += names[index].Length;
                return true;
            }
        }

        return false;
    }

    private bool TryZoneName()
    {
        var start = _at;
        while (_at < _text.Length && char.IsAsciiLetter(_text[_at]))
        {
            _at++;
        }

        return _at > start;
    }

    /// <summary>Z, +hh, +hhmm or +hh:mm. As in jq, the offset is read but not applied.</summary>
    private bool TryZoneOffset()
    {
        SkipSpace();
        if (_at < _text.Length && _text[_at] == 'Z')
        {
            _at++;
            return true;
        }

        if (_at >= _text.Length || _text[_at] is not ('+' or '-'))
        {
            return false;
        }

        _at++;
        if (!TryNumber(2, 0, 24, out _))
        {
            return false;
        }

        if (_at < _text.Length && _text[_at] == ':')
        {
            _at++;
        }

        return _at >= _text.Length || !char.IsAsciiDigit(_text[_at]) || TryNumber(2, 0, 59, out _);
    }
}
