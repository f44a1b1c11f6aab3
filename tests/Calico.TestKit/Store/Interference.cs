using System.Text;
using Calico.Datastore.Store;

namespace Calico.TestKit.Store;

/// <summary>Somebody who is faster.</summary>
public static class Interference
{
    /// <summary>Right before the next transaction that changes such a key, that key is written as it is: its revision is another then, and
    /// a comparison with it fails.</summary>
    /// <param name="store">Its fault rule is used for it.</param>
    /// <param name="prefix">Of the key.</param>
    /// <param name="change">What is written instead; null: the same text.</param>
    public static void InterfereOnce(this InMemoryStore store, string prefix, Func<string, string>? change = null)
    {
        ArgumentNullException.ThrowIfNull(store);
        var isDone = false;
        store.Faults.Use((_, transaction) =>
        {
            var key = isDone ? null : transaction?.Success.Select(KeyOf)
                .FirstOrDefault(k => k.StartsWith(prefix, StringComparison.Ordinal));
            if (key is not null && store.Snapshot(key) is [var item, ..])
            {
                isDone = true;
                var text = Encoding.UTF8.GetString(item.Value.Span);
                store.Set(key, change?.Invoke(text) ?? text);
            }

            return StoreFault.None;
        });
    }

    private static string KeyOf(StoreOperation operation) => operation switch
    {
        StoreOperation.Put put => put.Key,
        StoreOperation.Delete delete => delete.Key,
        _ => "",
    };
}
