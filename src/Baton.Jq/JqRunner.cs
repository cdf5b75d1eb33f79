using System.Buffers;
using System.Text;

namespace Baton.Jq;

/// <summary>How <see cref="JqRunner"/> reads and writes.</summary>
public sealed record JqRunOptions
{
    /// <summary>Runs once, on null; the stream is left to <c>input</c> and <c>inputs</c>.</summary>
    public bool NullInput { get; init; }

    /// <summary>Runs once, on an array of all texts of the stream.</summary>
    public bool Slurp { get; init; }

    /// <summary>Writes a string as it is, without quotes.</summary>
    public bool Raw { get; init; }

    /// <summary>Spaces per level, 0 to 8; 0 puts each output on one line. Default 2.</summary>
    public int Indent { get; init; } = 2;

    public IReadOnlyDictionary<string, JqValue>? Variables { get; init; }

    /// <summary>For each input. Default: <see cref="JqLimits.Unlimited"/>.</summary>
    public JqLimits Limits { get; init; } = JqLimits.Unlimited;

    /// <summary>Its <see cref="JqHost.NextInput"/> is replaced: inputs come from the stream.</summary>
    public JqHost Host { get; init; } = JqHost.Default;

    /// <summary>Told of each error that the program did not catch; the next input follows. Default: the error is thrown.</summary>
    public Action<JqRuntimeException>? OnError { get; init; }
}

/// <summary>Runs a program over a stream of JSON texts, as the jq command does: each text in, a line for each output out.</summary>
public sealed class JqRunner(JqProgram program, JqRunOptions options)
{
    private const int FlushBytes = 1 << 16;

    /// <summary>Answers the number of inputs on which the program raised an error.</summary>
    /// <exception cref="JqJsonException">The stream holds something else than JSON; what came before it was run and written.</exception>
    /// <exception cref="JqLimitException">On some input. Outputs before it were written.</exception>
    /// <exception cref="JqHaltException">The program halted. Outputs before it were written.</exception>
    public int Run(Stream input, Stream output)
    {
        var source = new JsonStream(input);
        var buffer = new ArrayBufferWriter<byte>(2 * FlushBytes);
        var host = options.Host with { NextInput = () => source.TryRead(out var next) ? next : default(JqValue?) };
        var (machine, root) = program.Prepare(options.Variables, options.Limits, host);
        var errors = 0;
        try
        {
            if (options.NullInput)
            {
                errors += One(machine, root, JqValue.Null, buffer, output);
            }
            else if (options.Slurp)
            {
                errors += One(machine, root, JqValue.FromArray(All(source)), buffer, output);
            }
            else
            {
                while (source.TryRead(out var value))
                {
                    errors += One(machine, root, value, buffer, output);
                }
            }
        }
        finally
        {
            Flush(buffer, output);
            output.Flush();
        }

        return errors;
    }

    private static IEnumerable<JqValue> All(JsonStream source)
    {
        while (source.TryRead(out var value))
        {
            yield return value;
        }
    }

    private int One(Machine machine, Node root, JqValue value, ArrayBufferWriter<byte> buffer, Stream output)
    {
        machine.Meter.Reset();
        machine.Start(root, value);
        try
        {
            while (machine.MoveNext())
            {
                machine.Meter.ChargeOutput(machine.Value);
                Write(machine.Value, buffer);
                if (buffer.WrittenCount >= FlushBytes)
                {
                    Flush(buffer, output);
                }
            }

            return 0;
        }
        catch (JqRuntimeException e) when (options.OnError is not null)
        {
            Flush(buffer, output);
            output.Flush();
            options.OnError(e);
            return 1;
        }
    }

    private void Write(in JqValue value, ArrayBufferWriter<byte> buffer)
    {
        if (options.Raw && value.TryGetString(out var text))
        {
            Encoding.UTF8.GetBytes(text, buffer);
        }
        else
        {
            JsonWriter.Write(value, buffer, new JsonLayout(options.Indent));
        }

        buffer.GetSpan(1)[0] = (byte)'\n';
        buffer.Advance(1);
    }

    private static void Flush(ArrayBufferWriter<byte> buffer, Stream output)
    {
        output.Write(buffer.WrittenSpan);
        buffer.ResetWrittenCount();
    }
}
