using System.Globalization;

namespace Baton.Jq;

/// <summary>A number read from text whose double would print differently: its canonical decimal text is kept.</summary>
/// <remarks>
/// The canonical text is that of the General Decimal Arithmetic specification: the digits as written, without leading
/// zeros; plain notation while the exponent is not positive and the number is not smaller than 1E-6, scientific
/// otherwise. Arithmetic uses the double; only output, negation and comparison between two literals look at the text.
/// </remarks>
internal sealed class NumberLiteral
{
    // Decimals of so many digits all have doubles of their own.
    private const int ExactDigits = 15;

    private readonly bool _negative;
    private readonly string _digits;
    private readonly long _exponent;

    /// <param name="text">A JSON number; a leading <c>+</c>, <c>.5</c> and <c>5.</c> are allowed.</param>
    public NumberLiteral(string text)
        : this(Split(text))
    {
    }

    private NumberLiteral((bool Negative, string Digits, long Exponent) parts)
    {
        (_negative, _digits, _exponent) = parts;
        Text = Canonical();
        var value = double.Parse(Text, NumberStyles.Float, CultureInfo.InvariantCulture);
        Value = double.IsInfinity(value) ? (value > 0 ? double.MaxValue : double.MinValue) : value;
        IsInfinite = double.IsInfinity(value);
    }

    public string Text { get; }

    /// <summary>Nearest double; beyond the range, the largest of its sign.</summary>
    public double Value { get; }

    public bool IsInfinite { get; }

    public bool IsZero => _digits == "0" || _digits.AsSpan().IndexOfAnyExcept('0') < 0;

    public NumberLiteral Negated() => new((!_negative, _digits, _exponent));

    /// <summary>Reads a number, keeping its text only where the double says less: other digits, or too many to tell apart.</summary>
    public static JqValue Read(string text)
    {
        var literal = new NumberLiteral(text);
        return literal._digits.Length <= ExactDigits && literal.Text == NumberText.Format(literal.Value)
            ? JqValue.From(literal.Value)
            : JqValue.From(literal);
    }

    public static int Compare(NumberLiteral a, NumberLiteral b)
    {
        var (signA, signB) = (a.Sign, b.Sign);
        if (signA != signB || signA == 0)
        {
            return signA.CompareTo(signB);
        }

        return signA * CompareMagnitude(a, b);
    }

    private int Sign => IsZero ? 0 : _negative ? -1 : 1;

    private static int CompareMagnitude(NumberLiteral a, NumberLiteral b)
    {
        var x = a._digits.AsSpan().TrimStart('0');
        var y = b._digits.AsSpan().TrimStart('0');
        var byExponent = (x.Length + a._exponent).CompareTo(y.Length + b._exponent);
        return byExponent != 0 ? byExponent : Math.Sign(x.TrimEnd('0').SequenceCompareTo(y.TrimEnd('0')));
    }

    private static (bool Negative, string Digits, long Exponent) Split(string text)
    {
        var negative = text[0] == '-';
        var start = negative || text[0] == '+' ? 1 : 0;
        var e = text.AsSpan().IndexOfAny('e', 'E');
        var mantissa = text.AsSpan()[start..(e < 0 ? text.Length : e)];
        long exponent = 0;
        if (e >= 0 && !long.TryParse(text.AsSpan(e + 1), NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out exponent))
        {
            exponent = text[e + 1] == '-' ? -ExponentLimit : ExponentLimit;
        }

        exponent = Math.Clamp(exponent, -ExponentLimit, ExponentLimit);
        var dot = mantissa.IndexOf('.');
        string digits;
        if (dot < 0)
        {
            digits = mantissa.TrimStart('0').ToString();
        }
        else
        {
            exponent -= mantissa.Length - dot - 1;
            digits = string.Concat(mantissa[..dot], mantissa[(dot + 1)..]).TrimStart('0');
        }

        return (negative, digits.Length == 0 ? "0" : digits, exponent);
    }

    // Room for any exponent that decNumber allows, without overflow in the sums above.
    private const long ExponentLimit = 1L << 40;

    private string Canonical()
    {
        var sign = _negative ? "-" : "";
        var adjusted = _exponent + _digits.Length - 1;
        if (_exponent <= 0 && adjusted >= -6)
        {
            if (_exponent == 0)
            {
                return sign + _digits;
            }

            var point = (int)(_digits.Length + _exponent);
            return point > 0
                ? $"{sign}{_digits[..point]}.{_digits[point..]}"
                : $"{sign}0.{new string('0', -point)}{_digits}";
        }

        var fraction = _digits.Length > 1 ? "." + _digits[1..] : "";
        return $"{sign}{_digits[0]}{fraction}E{(adjusted < 0 ? "-" : "+")}{Math.Abs(adjusted)}";
    }
}
