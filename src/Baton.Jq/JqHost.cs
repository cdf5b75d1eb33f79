namespace Baton.Jq;

/// <summary>What a program may ask its host for. By default: the system's clock, and nothing else.</summary>
public sealed record JqHost
{
    public static JqHost Default { get; } = new();

    /// <summary>For <c>now</c>, and the time zone of <c>localtime</c>.</summary>
    public TimeProvider Clock { get; init; } = TimeProvider.System;

    /// <summary>For <c>env</c> and <c>$ENV</c>; an object. Default: empty.</summary>
    public JqValue Environment { get; init; } = JqValue.FromObject([]);

    /// <summary>For <c>input</c> and <c>inputs</c>: null means that there are no more. Default: there are none.</summary>
    public Func<JqValue?>? NextInput { get; init; }

    /// <summary>For <c>debug</c>, which passes the value on. Default: ignored.</summary>
    public Action<JqValue>? Debug { get; init; }

    /// <summary>For <c>stderr</c>, which passes the value on. Default: ignored.</summary>
    public Action<JqValue>? StandardError { get; init; }

    /// <summary>For <c>input_filename</c>. Default: null.</summary>
    public Func<string?>? InputFileName { get; init; }
}
