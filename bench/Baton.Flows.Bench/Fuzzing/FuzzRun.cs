using System.Diagnostics;

namespace Baton.Flows.Bench.Fuzzing;

/// <summary>
/// Breaks sound inputs and reads them. An input that takes a branch of the reader that none took before (or, without counters, whose
/// outcome is new) is kept, and broken further, so that the inputs wander to where the reader does something else. Each must end in time, with an answer and without an exception.
/// </summary>
internal sealed class FuzzRun(FuzzTarget target, string examples, int seed, string folder)
{
    private const int MaxCorpus = 5_000;
    private const int MaxLength = 20_000;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);

    private readonly Random _random = new(seed);
    private readonly HashSet<string> _outcomes = new(StringComparer.Ordinal);

    private volatile string _text = "";
    private long _started;

    /// <returns>Exit code.</returns>
    public int Run(int inputs)
    {
        var corpus = target.Samples(examples).ToList();
        var (samples, sound) = (corpus.Count, 0);
        using var watch = TimeProvider.System.CreateTimer(_ => EndIfHung(), null, Patience, TimeSpan.FromSeconds(1));
        var begun = Stopwatch.GetTimestamp();
        var (slowest, slowestText) = (TimeSpan.Zero, "");
        for (var i = 0; i < inputs; i++)
        {
            _text = i < samples ? corpus[i] : _random.Next(8) == 0 ? Assembled() : Broken(corpus[_random.Next(corpus.Count)], corpus);
            Volatile.Write(ref _started, Stopwatch.GetTimestamp());
            if (Coverage.IsOn)
            {
                Coverage.Clear();
            }
            string outcome;
            try
            {
                outcome = target.Read(_text);
            }
            catch (Exception error)
            {
                Console.Error.WriteLine($"{target.Name}, seed {seed}, input {i}: saved as {Save("crash")}\n{error}");
                return 1;
            }
            var took = Stopwatch.GetElapsedTime(_started);
            if (took > slowest)
            {
                (slowest, slowestText) = (took, _text);
            }
            sound += outcome.StartsWith("sound", StringComparison.Ordinal) ? 1 : 0;
            if (corpus.Count < MaxCorpus && IsNew(outcome))
            {
                corpus.Add(_text);
            }
        }
        Volatile.Write(ref _started, 0);
        var seconds = Stopwatch.GetElapsedTime(begun).TotalSeconds;
        Console.WriteLine(
            $"{target.Name}: {inputs} inputs in {seconds:0} s ({inputs / seconds:0}/s), {sound} of them sound, {_outcomes.Count} kinds of outcome, {corpus.Count - samples} kept; none crashed or hung. Slowest {slowest.TotalMilliseconds:0} ms, {slowestText.Length} characters.");
        return 0;
    }

    private bool IsNew(string outcome)
    {
        var isNew = _outcomes.Add(outcome);
        return Coverage.IsOn ? Coverage.TakeNew() : isNew;
    }

    private void EndIfHung()
    {
        if (Volatile.Read(ref _started) is var started and not 0 && Stopwatch.GetElapsedTime(started) > Patience)
        {
            Console.Error.WriteLine($"{target.Name}, seed {seed}: not done after {Patience.TotalSeconds} s, saved as {Save("hang")}");
            Environment.Exit(1);
        }
    }

    private string Save(string what)
    {
        var file = Path.Combine(folder, $"{target.Name}-{what}-{Guid.NewGuid():N}.txt");
        File.WriteAllText(file, _text);
        return file;
    }

    private string Assembled() => string.Concat(Enumerable.Range(0, _random.Next(1, 30)).Select(_ => Fragment()));

    private string Fragment() => target.Fragments[_random.Next(target.Fragments.Count)];

    /// <summary>With up to four changes: something cut, repeated, moved, replaced, put in, or taken from another input.</summary>
    private string Broken(string text, List<string> corpus)
    {
        for (var change = _random.Next(1, 5); change > 0 && text.Length > 0; change--)
        {
            var at = _random.Next(text.Length);
            var length = Math.Min(_random.Next(1, 40), text.Length - at);
            var part = text.Substring(at, length);
            text = _random.Next(7) switch
            {
                0 => text.Remove(at, length),
                1 => text.Insert(at, part),
                2 => text.Remove(at, length).Insert(_random.Next(text.Length - length + 1), part),
                3 => text.Remove(at, 1).Insert(at, ((char)_random.Next(1, 0x2100)).ToString()),
                4 => Spliced(text, at, corpus[_random.Next(corpus.Count)]),
                _ => text.Insert(at, Fragment()),
            };
        }
        return text.Length <= MaxLength ? text : text[..MaxLength];
    }

    private string Spliced(string text, int at, string other)
    {
        var from = _random.Next(other.Length + 1);
        return text.Insert(at, other.Substring(from, Math.Min(_random.Next(1, 200), other.Length - from)));
    }
}
