using System.Text;

namespace Calico.Datastore.Selectors;

/// <summary>Order of the UTF-8 bytes, in which the canonical text sorts its sets. UTF-16 order differs beyond the basic plane, and an id
/// that differs from upstream's would split one IP set in two.</summary>
internal sealed class Utf8Order : IComparer<string>
{
    public static readonly Utf8Order Instance = new();

    public int Compare(string? x, string? y) =>
        Encoding.UTF8.GetBytes(x ?? "").AsSpan().SequenceCompareTo(Encoding.UTF8.GetBytes(y ?? ""));
}
