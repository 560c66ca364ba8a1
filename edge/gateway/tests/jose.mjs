// Verifies one token and makes others, with jose. Reads {key, token, now, claims, header} as JSON
// from standard input, the key as base64url; writes {verified, made, variants} to standard output.
import { SignJWT, jwtVerify } from "jose";

let input = "";
for await (const chunk of process.stdin) input += chunk;
const { key, token, now, claims, header } = JSON.parse(input);
const secret = Buffer.from(key, "base64url");

const verified = await jwtVerify(token, secret, {
  algorithms: ["HS256"],
  issuer: "plue",
  audience: "plue",
  currentDate: new Date(now * 1000),
});

const sign = (payload, protectedHeader) =>
  new SignJWT(payload).setProtectedHeader(protectedHeader).sign(secret);

const made = await sign(claims, header);
const variants = {
  "without kid": await sign(claims, { alg: "HS256" }),
  "with another member": await sign({ ...claims, jti: "one" }, header),
};
const refused = {
  HS512: await sign(claims, { ...header, alg: "HS512" }),
  "crit": await new SignJWT(claims)
    .setProtectedHeader({ ...header, crit: ["b64"], b64: true })
    .sign(secret, { crit: { b64: true } }),
  "another kid": await sign(claims, { ...header, kid: "00000000" }),
  expired: await sign({ ...claims, exp: now - 60 }, header),
  "not begun": await sign({ ...claims, nbf: now + 60 }, header),
  "for another": await sign({ ...claims, aud: "another" }, header),
};
console.log(JSON.stringify({ header: verified.protectedHeader, verified: verified.payload, made, variants, refused }));
