using System.Text;

namespace Calico.EmbeddedStore.Engine;

/// <summary>Keys are bytes; ours are UTF-8.</summary>
internal static class KeyText
{
    /// <summary>The order of keys.</summary>
    public static Comparer<byte[]> Order { get; } = Comparer<byte[]>.Create((left, right) => Compare(left, right));

    /// <summary>As the framework compares them, by code that is compiled ahead: a start sorts all keys.</summary>
    private static int Compare(ReadOnlySpan<byte> left, ReadOnlySpan<byte> right)
    {
        var shared = left.CommonPrefixLength(right);
        return shared < left.Length && shared < right.Length ? left[shared] - right[shared] : left.Length - right.Length;
    }

    public static byte[] Bytes(string key) => Encoding.UTF8.GetBytes(key);

    public static string Text(ReadOnlySpan<byte> key) => Encoding.UTF8.GetString(key);

    /// <summary>For a message: what a stranger's client put may be any bytes and any length.</summary>
    public static string Show(ReadOnlySpan<byte> key)
    {
        var text = Encoding.UTF8.GetString(key[..Math.Min(key.Length, 200)]);
        return string.Create(text.Length, text, static (to, from) =>
        {
            for (var i = 0; i < to.Length; i++)
            {
                to[i] = char.IsControl(from[i]) ? '?' : from[i];
            }
        });
    }
}
