// The JDK's own HttpClient for tokens, which offers HTTP/2 by an upgrade, and its WebSocket.
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.HttpRequest;
import java.net.http.HttpResponse;
import java.net.http.WebSocket;
import java.net.http.WebSocketHandshakeException;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.Base64;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionException;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;

public class WithJava {
    static final HttpClient HTTP = HttpClient.newHttpClient();

    static String env(String name) {
        return System.getenv(name);
    }

    static void tell(String what, Object value) {
        System.out.println("[\"" + what + "\", " + value + "]");
    }

    static String tokenOf(String address, String who) throws Exception {
        String login = env(who + "_ID") + ":" + env(who + "_SECRET");
        HttpRequest request = HttpRequest.newBuilder(URI.create(address + "/oauth/token"))
            .header("Authorization", "Basic " + Base64.getEncoder().encodeToString(login.getBytes()))
            .header("Content-Type", "application/x-www-form-urlencoded")
            .POST(HttpRequest.BodyPublishers.ofString("grant_type=client_credentials"))
            .build();
        HttpResponse<String> answer = HTTP.send(request, HttpResponse.BodyHandlers.ofString());
        if (answer.statusCode() != 200) throw new Exception(answer.statusCode() + " " + answer.body());
        return answer.body().replaceAll(".*\"access_token\": *\"([^\"]+)\".*", "$1");
    }

    static class Messages implements WebSocket.Listener {
        final LinkedBlockingQueue<String> whole = new LinkedBlockingQueue<>();
        final CompletableFuture<Integer> closed = new CompletableFuture<>();
        private final StringBuilder begun = new StringBuilder();

        public CompletionStage<?> onText(WebSocket socket, CharSequence part, boolean isLast) {
            begun.append(part);
            if (isLast) {
                whole.add(begun.toString());
                begun.setLength(0);
            }
            socket.request(1);
            return null;
        }

        public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
            closed.complete(code);
            return null;
        }

        public void onError(WebSocket socket, Throwable error) {
            closed.completeExceptionally(error);
        }

        String next() throws Exception {
            String message = whole.poll(20, TimeUnit.SECONDS);
            if (message == null) throw new Exception("no message comes");
            return message;
        }
    }

    static WebSocket connected(String token, Messages messages) {
        return HTTP.newWebSocketBuilder().header("Authorization", "Bearer " + token)
            .buildAsync(URI.create(env("RELAY")), messages).join();
    }

    public static void main(String[] arguments) throws Exception {
        tokenOf(env("WEB"), "CLIENT");
        tell("token of web", "\"issued\"");
        String token = tokenOf(env("RELAY_HTTP"), "CLIENT");
        tell("token of relay", "\"issued\"");

        Messages messages = new Messages();
        WebSocket socket = connected(token, messages);
        List<Integer> echoed = new ArrayList<>();
        for (String size : env("SIZES").replaceAll("[\\[\\] ]", "").split(",")) {
            socket.sendText("x".repeat(Integer.parseInt(size)), true).join();
            echoed.add(messages.next().length());
        }
        tell("echoed", echoed);

        int parts = Integer.parseInt(env("PARTS"));
        for (int number = 1; number <= parts; number += 1) {
            socket.sendText("x".repeat(Integer.parseInt(env("PART"))), number == parts).join();
        }
        tell("fragments", messages.next().length());

        int many = Integer.parseInt(env("MANY"));
        for (int number = 0; number < many; number += 1) socket.sendText("" + number, true).join();
        String[] numbers = new String[many];
        for (int number = 0; number < many; number += 1) numbers[number] = messages.next();
        tell("throttled", Arrays.toString(numbers));

        String limited = tokenOf(env("WEB"), "LIMITED");
        connected(limited, new Messages()).sendClose(WebSocket.NORMAL_CLOSURE, "").join();
        try {
            connected(limited, new Messages());
        } catch (CompletionException failed) {
            HttpResponse<?> answer = ((WebSocketHandshakeException) failed.getCause()).getResponse();
            String seconds = answer.headers().firstValue("retry-after").orElse("none");
            tell("refused", "[" + answer.statusCode() + ", \"" + seconds + "\"]");
        }

        tell("waits", "\"yes\"");
        tell("closed", messages.closed.get(20, TimeUnit.SECONDS));
        System.exit(0);
    }
}
