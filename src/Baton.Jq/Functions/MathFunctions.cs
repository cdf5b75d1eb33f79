namespace Baton.Jq;

/// <summary>The functions of C's math library.</summary>
internal static class MathFunctions
{
    public static readonly IReadOnlyDictionary<string, Func<double, double>> Unary = new Dictionary<string, Func<double, double>>
    {
        ["acos"] = Math.Acos,
        ["acosh"] = Math.Acosh,
        ["asin"] = Math.Asin,
        ["asinh"] = Math.Asinh,
        ["atan"] = Math.Atan,
        ["atanh"] = Math.Atanh,
        ["cbrt"] = Math.Cbrt,
        ["ceil"] = Math.Ceiling,
        ["cos"] = Math.Cos,
        ["cosh"] = Math.Cosh,
        ["exp"] = Math.Exp,
        ["exp10"] = x => Math.Pow(10, x),
        ["exp2"] = x => Math.Pow(2, x),
        ["expm1"] = x => Math.Abs(x) < 1e-5 ? x + (x * x / 2) + (x * x * x / 6) : Math.Exp(x) - 1,
        ["fabs"] = Math.Abs,
        ["floor"] = Math.Floor,
        ["gamma"] = x => LogGamma(x),
        ["j0"] = Bessel.J0,
        ["j1"] = Bessel.J1,
        ["lgamma"] = x => LogGamma(x),
        ["log"] = Math.Log,
        ["log10"] = Math.Log10,
        ["log1p"] = x => Math.Abs(x) < 1e-5 ? x - (x * x / 2) + (x * x * x / 3) : Math.Log(1 + x),
        ["log2"] = Math.Log2,
        ["logb"] = x => x == 0 ? double.NegativeInfinity : double.IsInfinity(x) ? double.PositiveInfinity : Math.ILogB(x),
        ["nearbyint"] = x => Math.Round(x, MidpointRounding.ToEven),
        ["pow10"] = x => Math.Pow(10, x),
        ["rint"] = x => Math.Round(x, MidpointRounding.ToEven),
        ["round"] = x => Math.Round(x, MidpointRounding.AwayFromZero),
        ["significand"] = x => x == 0 || !double.IsFinite(x) ? x : Math.ScaleB(x, -Math.ILogB(x)),
        ["sin"] = Math.Sin,
        ["sinh"] = Math.Sinh,
        ["sqrt"] = Math.Sqrt,
        ["tan"] = Math.Tan,
        ["tanh"] = Math.Tanh,
        ["tgamma"] = Gamma,
        ["trunc"] = Math.Truncate,
        ["y0"] = Bessel.Y0,
        ["y1"] = Bessel.Y1,
    };

    public static readonly IReadOnlyDictionary<string, Func<double, double, double>> Binary = new Dictionary<string, Func<double, double, double>>
    {
        ["atan2"] = Math.Atan2,
        ["copysign"] = Math.CopySign,
        ["drem"] = Math.IEEERemainder,
        ["fdim"] = (x, y) => double.IsNaN(x) || double.IsNaN(y) ? double.NaN : x > y ? x - y : 0,
        ["fmax"] = (x, y) => double.IsNaN(x) ? y : double.IsNaN(y) ? x : Math.Max(x, y),
        ["fmin"] = (x, y) => double.IsNaN(x) ? y : double.IsNaN(y) ? x : Math.Min(x, y),
        ["fmod"] = (x, y) => x % y,
        ["hypot"] = double.Hypot,
        ["ldexp"] = Scale,
        ["nextafter"] = NextAfter,
        ["nexttoward"] = NextAfter,
        ["pow"] = Math.Pow,
        ["scalb"] = (x, y) => x * Math.Pow(2, y),
        ["scalbln"] = Scale,
    };

    public static JqValue Pair(JqValue value, Func<double, (double, double)> function)
    {
        if (!value.IsNumber)
        {
            return Errors.Type(value, "number required");
        }

        var (first, second) = function(value.RawNumber);
        return JqValue.From(JqArray.Of(JqValue.From(first), JqValue.From(second)));
    }

    /// <summary>A fraction in [0.5, 1) and a power of two.</summary>
    public static (double Fraction, double Exponent) Frexp(double x)
    {
        if (x == 0 || !double.IsFinite(x))
        {
            return (x, 0);
        }

        var exponent = Math.ILogB(x) + 1;
        return (Math.ScaleB(x, -exponent), exponent);
    }

    /// <summary>The fraction and the whole part, both with the sign of the number.</summary>
    public static (double Fraction, double Whole) Modf(double x)
    {
        var whole = Math.Truncate(x);
        return (double.IsInfinity(x) ? Math.CopySign(0, x) : Math.CopySign(x - whole, x), whole);
    }

    public static (double Log, double Sign) LogGammaAndSign(double x) =>
        (LogGamma(x), x < 0 && Math.Floor(x) % 2 != 0 && x != Math.Floor(x) ? -1 : 1);

    private static double Scale(double x, double exponent) => Math.ScaleB(x, (int)Math.Clamp(exponent, -100_000, 100_000));

    private static double NextAfter(double x, double y) =>
        double.IsNaN(x) || double.IsNaN(y) ? double.NaN : x == y ? y : y > x ? Math.BitIncrement(x) : Math.BitDecrement(x);

    private static double Gamma(double x)
    {
        if (x == Math.Floor(x) && x is > 0 and < 24)
        {
            // Factorials up to here are exact.
            var product = 1.0;
            for (var i = 2; i < x; i++)
            {
                product *= i;
            }

            return product;
        }

        return x < 0.5 ? Math.PI / (Math.Sin(Math.PI * x) * Gamma(1 - x)) : Math.Exp(LogGamma(x));
    }

    /// <summary>Stirling's series, for which small arguments are first moved up to 10: good to the last digit or two.</summary>
    private static double LogGamma(double x)
    {
        if (x <= 0 && x == Math.Floor(x))
        {
            return double.PositiveInfinity;
        }

        if (x is 1 or 2)
        {
            return 0;
        }

        if (x < 0.5)
        {
            return Math.Log(Math.PI / Math.Abs(Math.Sin(Math.PI * x))) - LogGamma(1 - x);
        }

        var product = 1.0;
        for (; x < 10; x++)
        {
            product *= x;
        }

        // Bernoulli numbers B(2k) / (2k (2k - 1)).
        ReadOnlySpan<double> terms = [1.0 / 12, -1.0 / 360, 1.0 / 1260, -1.0 / 1680, 1.0 / 1188, -691.0 / 360360, 1.0 / 156, -3617.0 / 122400];
        var (sum, power) = (0.0, 1 / x);
        foreach (var term in terms)
        {
            sum += term * power;
            power /= x * x;
        }

        return ((x - 0.5) * Math.Log(x)) - x + (0.5 * Math.Log(2 * Math.PI)) + sum - Math.Log(product);
    }
}
