namespace Baton.Durable.Visibility;

/// <summary>Order of values in stored form: numbers by size, text by its UTF-8 bytes, as SQLite compares them.</summary>
internal static class StoredOrder
{
    public static int Compare(object left, object right) => (left, right) switch
    {
        (long a, long b) => a.CompareTo(b),
        (double a, double b) => a.CompareTo(b),
        // A literal between two whole numbers, or beyond all of them; exact, because doubles with a fraction are smaller than 2^53.
        (long a, double b) => ((double)a).CompareTo(b),
        (string a, string b) => CompareText(a, b),
        _ => throw new ArgumentException($"A {left.GetType().Name} is not comparable with a {right.GetType().Name}."),
    };

    /// <summary>The first text after all that begin with <paramref name="prefix"/>; null when there is none.</summary>
    public static string? AfterPrefix(string prefix)
    {
        int[] runes = [.. prefix.EnumerateRunes().Select(rune => rune.Value)];
        for (var last = runes.Length - 1; last >= 0; last--)
        {
            if (runes[last] == 0x10FFFF)
            {
                continue;
            }
            // Surrogates are no characters: the one after U+D7FF is U+E000.
            runes[last] = runes[last] == 0xD7FF ? 0xE000 : runes[last] + 1;
            return string.Concat(runes.Take(last + 1).Select(char.ConvertFromUtf32));
        }
        return null;
    }

    // UTF-16 and UTF-8 differ in one place: code points beyond U+FFFF, written with surrogates, come after U+E000 to U+FFFF.
    private static int CompareText(string left, string right)
    {
        var common = Math.Min(left.Length, right.Length);
        for (var i = 0; i < common; i++)
        {
            if (left[i] != right[i])
            {
                return Rank(left[i]).CompareTo(Rank(right[i]));
            }
        }
        return left.Length.CompareTo(right.Length);
    }

    private static int Rank(char c) => char.IsSurrogate(c) ? c + 0x10000 : c;
}
