namespace Baton.Durable.Bench.Capacity;

/// <summary>One figure that is not throughput.</summary>
/// <param name="Aim">What the project aims at; null where it names none.</param>
internal sealed record CapacityResult(string Measure, string Target, double Value, string Unit, string? Aim = null);
