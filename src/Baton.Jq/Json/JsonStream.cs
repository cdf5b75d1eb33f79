namespace Baton.Jq;

/// <summary>Reads JSON texts one after another from a stream, keeping no more of it than the text at hand.</summary>
/// <remarks>
/// A text that does not end inside the buffer is read again once there is twice as much of it, so that no byte is read
/// more than a few times however the stream is cut; a short one already when a line ends, so that a person or a pipe is
/// answered line by line. Whether a text is unfinished or broken is asked whenever the buffer is full, so that a fault
/// is told where it stands and not after the last byte of the stream.
/// </remarks>
internal sealed class JsonStream(Stream stream)
{
    private const int FirstBuffer = 1 << 18;
    private const int ShortText = 1 << 16;

    private readonly JsonReader _reader = new();
    private byte[] _buffer = new byte[FirstBuffer];
    private int _start;
    private int _end;
    private bool _isComplete;
    private int _line = 1;
    private int _column;

    /// <summary>False at the end of the stream.</summary>
    /// <exception cref="JqJsonException">The next text is broken or unfinished.</exception>
    public bool TryRead(out JqValue value)
    {
        while (true)
        {
            var position = _start;
            var window = _buffer.AsSpan(0, _end);
            if (_reader.TryReadPart(window, ref position, out value) && (_isComplete || IsClosed(window, position)))
            {
                Skip(position);
                return true;
            }

            if (_isComplete)
            {
                return JsonReader.OnlySpace(window[_start..]) ? false : throw Fault();
            }

            if (_end - _start == _buffer.Length && JsonDiagnostics.Describe(window[_start..], _line, _column) is { } fault && !fault.Contains(" at EOF ", StringComparison.Ordinal))
            {
                throw new JqJsonException(fault);
            }

            Fill();
        }
    }

    /// <summary>A number or word at the very end of the buffer may go on behind it.</summary>
    private static bool IsClosed(ReadOnlySpan<byte> window, int position) =>
        position < window.Length || window[position - 1] is (byte)'}' or (byte)']' or (byte)'"';

    private void Fill()
    {
        var wanted = 2 * (long)(_end - _start);
        do
        {
            MakeRoom();
            var read = stream.Read(_buffer, _end, _buffer.Length - _end);
            _end += read;
            _isComplete = read == 0;
        }
        while (!_isComplete && _end - _start < wanted && !IsShortLine());
    }

    private bool IsShortLine() => _end - _start <= ShortText && _buffer[_end - 1] == '\n';

    private void MakeRoom()
    {
        if (_start > 0)
        {
            _buffer.AsSpan(_start, _end - _start).CopyTo(_buffer);
            _end -= _start;
            _start = 0;
        }

        if (_end == _buffer.Length)
        {
            Array.Resize(ref _buffer, checked(_buffer.Length * 2));
        }
    }

    private void Skip(int position)
    {
        var passed = _buffer.AsSpan(_start, position - _start);
        var lines = passed.Count((byte)'\n');
        _line += lines;
        _column = lines > 0 ? passed.Length - passed.LastIndexOf((byte)'\n') - 1 : _column + passed.Length;
        _start = position;
    }

    private JqJsonException Fault() =>
        new(JsonDiagnostics.Describe(_buffer.AsSpan(_start, _end - _start), _line, _column) ?? "Invalid JSON text");
}
