using NUnit.Framework;

namespace Calico.UnitTests.Architecture;

/// <summary>A limit, and those that stood above it when it was drawn, each with its number then. The list can only shrink: nobody joins it,
/// nobody on it grows, and whoever has come below the limit has to leave it.</summary>
internal sealed class StatedLimit(int limit) : Dictionary<string, int>
{
    public void Holds(IEnumerable<KeyValuePair<string, int>> measured)
    {
        // One text: NUnit shows ten elements of a list and no more.
        Assert.That(string.Join('\n', Faults(measured)), Is.Empty);
    }

    /// <summary>What is wrong, a line each.</summary>
    public IEnumerable<string> Faults(IEnumerable<KeyValuePair<string, int>> measured)
    {
        var numbers = measured.ToDictionary();
        foreach (var (name, number) in numbers.Where(m => m.Value > limit).OrderBy(m => m.Key, StringComparer.Ordinal))
        {
            if (!TryGetValue(name, out var stated))
            {
                yield return $"{name} has {number}; the limit is {limit}";
            }
            else if (number > stated)
            {
                yield return $"{name} has {number}; it is stated with {stated} and may only shrink";
            }
        }

        foreach (var name in Keys.Where(name => numbers.GetValueOrDefault(name) <= limit).Order(StringComparer.Ordinal))
        {
            yield return $"{name} is no longer above {limit}: take it off the list";
        }
    }
}
