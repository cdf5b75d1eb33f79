namespace Baton.Jq;

/// <summary>
/// Bessel functions of the orders 0 and 1. Up to 25 all orders at once, by Miller's downward recurrence, from a high order
/// where they vanish; it is stable, and scaled by J0 + 2 J2 + 2 J4 + ... = 1. The second kind follows from these by Neumann's
/// series. Above 25, Hankel's asymptotic series, of which the terms shrink below the last digit. (Abramowitz and Stegun, 9.1
/// and 9.2.)
/// </summary>
internal static class Bessel
{
    private const double Far = 25;
    private const double EulerGamma = 0.57721566490153286;
    private const int Highest = 80;

    public static double J0(double x) => Math.Abs(x) > Far ? Asymptotic(0, Math.Abs(x), isSecond: false) : Near(Math.Abs(x))[0];

    public static double J1(double x) => Math.Sign(x) * (Math.Abs(x) > Far ? Asymptotic(1, Math.Abs(x), isSecond: false) : Near(Math.Abs(x))[1]);

    public static double Y0(double x)
    {
        if (x is not > 0)
        {
            return x == 0 ? double.NegativeInfinity : double.NaN;
        }

        if (x > Far)
        {
            return Asymptotic(0, x, isSecond: true);
        }

        var orders = Near(x);
        var sum = 0.0;
        for (var k = Highest / 2; k >= 1; k--)
        {
            sum += (k % 2 == 0 ? 1 : -1) * orders[2 * k] / k;
        }

        return 2 / Math.PI * (((Math.Log(x / 2) + EulerGamma) * orders[0]) - (2 * sum));
    }

    public static double Y1(double x)
    {
        if (x is not > 0)
        {
            return x == 0 ? double.NegativeInfinity : double.NaN;
        }

        if (x > Far)
        {
            return Asymptotic(1, x, isSecond: true);
        }

        var orders = Near(x);
        var sum = 0.0;
        for (var k = (Highest - 1) / 2; k >= 1; k--)
        {
            sum += (k % 2 == 0 ? 1 : -1) * ((2 * k) + 1) * orders[(2 * k) + 1] / (k * (k + 1.0));
        }

        return 2 / Math.PI * ((-orders[0] / x) + ((Math.Log(x / 2) + EulerGamma - 1) * orders[1]) - sum);
    }

    /// <summary>J of the orders 0 to 80.</summary>
    private static double[] Near(double x)
    {
        var orders = new double[Highest + 1];
        if (x < 1e-8)
        {
            (orders[0], orders[1]) = (1, x / 2);
            return orders;
        }

        var (above, here, scale) = (0.0, 1e-300, 0.0);
        for (var n = Highest + 40; n >= 0; n--)
        {
            if (n <= Highest)
            {
                orders[n] = here;
            }

            scale += n == 0 ? here : n % 2 == 0 ? 2 * here : 0;
            (above, here) = (here, (2.0 * n / x * here) - above);
            if (Math.Abs(here) > 1e200)
            {
                above *= 1e-200;
                here *= 1e-200;
                scale *= 1e-200;
                for (var k = n; k <= Highest; k++)
                {
                    orders[k] *= 1e-200;
                }
            }
        }

        for (var n = 0; n <= Highest; n++)
        {
            orders[n] /= scale;
        }

        return orders;
    }

    private static double Asymptotic(int order, double x, bool isSecond)
    {
        if (double.IsInfinity(x))
        {
            return 0;
        }

        var (p, q, term) = (0.0, 0.0, 1.0);
        for (var k = 0; k < 40; k++)
        {
            if (k % 2 == 0)
            {
                p += k % 4 == 0 ? term : -term;
            }
            else
            {
                q += k % 4 == 1 ? term : -term;
            }

            var next = term * (((4.0 * order * order) - (((2 * k) + 1) * ((2 * k) + 1))) / ((k + 1) * 8 * x));
            if (Math.Abs(next) >= Math.Abs(term))
            {
                break;
            }

            term = next;
        }

        var phase = x - (((0.5 * order) + 0.25) * Math.PI);
        return Math.Sqrt(2 / (Math.PI * x)) * (isSecond ? (p * Math.Sin(phase)) + (q * Math.Cos(phase)) : (p * Math.Cos(phase)) - (q * Math.Sin(phase)));
    }
}
